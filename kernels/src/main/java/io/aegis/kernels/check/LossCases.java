package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.List;

/** Losses and their gradients. */
final class LossCases {
    private LossCases() {}

    static Case crossEntropy(Draw d) {
        View logits = d.normal(d.size(70), 1 + d.size(3000));
        View target = d.indices(logits.size(1), logits.size(0));
        View dloss = d.normal(1);
        return of(
                "cross-entropy " + sizes(logits),
                to(d.destination(1), d.destination(logits.shape()), d.destination(logits.shape())),
                (kernels, out) -> {
                    kernels.loss().crossEntropy(logits, target, out[0], out[1]);
                    kernels.loss().crossEntropyBackward(out[1], target, dloss, out[2]);
                });
    }

    /** The first row takes no part, and every fourth or so. */
    static Case crossEntropyOfSome(Draw d) {
        View logits = d.normal(d.size(70), d.of(2, 2, 500));
        View target = d.indices(logits.size(1), logits.size(0));
        for (long i = 0; i < target.size(0); i++) {
            if (i == 0 || d.below(4) == 0) {
                target.setLongAt(target.index(i), Loss.NO_PART);
            }
        }
        View dloss = d.normal(1);
        return of(
                "cross-entropy of some " + sizes(logits),
                to(d.destination(1), d.destination(logits.shape()), d.destination(logits.shape())),
                (kernels, out) -> {
                    kernels.loss().crossEntropyOfSome(logits, target, 7, out[0], out[1]);
                    kernels.loss().crossEntropyOfSomeBackward(out[1], target, 7, dloss, out[2]);
                });
    }

    /** Of the last class there are no rows. */
    static Case prototypes(Draw d) {
        long b = d.size(40);
        long width = d.size(800);
        long classes = 1 + d.of(1, 2, 5);
        List<View> features = List.of(d.normal(b, width), d.normal(b, width), d.normal(b, width));
        View momentum = d.indices(2, 1);
        Loss.PrototypesOf of = new Loss.PrototypesOf(features, d.indices(classes - 1, b), momentum, d.coin(), d.coin());
        return of("prototypes " + sizes(features.getFirst()), to(d.changed(3, classes, width)), (kernels, out) -> {
            View state = View.allocate(Arena.ofAuto(), DType.F64, 3, classes, width);
            kernels.elementwise().copy(out[0], state);
            kernels.loss().prototypes(of, state, out[0]);
        });
    }

    static Case means(Draw d) {
        List<View> tokens = List.of(
                d.normal(d.size(30), 1, d.size(800)), d.normal(d.size(30), 1, d.size(800)), d.normal(1, d.size(30)));
        return of(
                "means " + sizes(tokens.getFirst()),
                to(d.destination(DType.F64, 3)),
                (kernels, out) -> kernels.mutualInformation().means(tokens, out[0]));
    }

    static Case negativeDistance(Draw d) {
        View x = d.normal(d.size(30), d.size(800));
        View p = d.normal(d.of(1, 2, 5), x.size(1));
        View dy = d.normal(x.size(0), p.size(0));
        return new Case(
                "negative distance " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.size(0), p.size(0)), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.loss().negativeDistance(x, p, out[0]);
                    kernels.loss().negativeDistanceBackward(x, p, out[0], dy, false, out[1]);
                });
    }

    static Case mutualInformation(Draw d) {
        int b = 1 + d.below(20);
        View x = d.normal(b, d.size(800));
        View y = d.normal(b, x.size(1));
        View px = d.permutation(b);
        View py = d.permutation(b);
        View dloss = d.normal(1);
        return new Case(
                "mutual information " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(1), d.destination(x.shape()), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.mutualInformation().forward(x, y, px, py, out[0]);
                    kernels.mutualInformation().backward(x, y, px, py, dloss, out[1], out[2]);
                });
    }

    /** Domain 3 takes no part; of few rows some cells are empty. */
    static Case angles(Draw d) {
        long b = d.size(40);
        long width = d.size(800);
        List<View> features = List.of(d.normal(b, width), d.normal(b, width), d.normal(b, width));
        Loss.Angles of = new Loss.Angles(features, d.indices(2, b), d.indices(d.of(2, 3, 4), b), 3, 1, 0.85);
        View dloss = d.normal(1);
        return new Case(
                "angles " + sizes(features.getFirst()),
                GRADIENT,
                GRADIENT,
                to(d.destination(1), d.destination(b, width), d.destination(b, width), d.destination(b, width)),
                (kernels, out) -> {
                    Arena arena = Arena.ofAuto();
                    Loss.AngleParts parts = new Loss.AngleParts(
                            View.allocate(arena, DType.F32, 3 * b, 3 * b),
                            View.allocate(arena, DType.F32, 3 * b),
                            View.allocate(arena, DType.F64, of.cells(), 2 + of.pairs()));
                    kernels.loss().angles(of, out[0], parts);
                    kernels.loss().anglesBackward(of, parts, dloss, List.of(out[1], out[2], out[3]));
                });
    }
}
