package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.DType;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** Adam's step and ReGrad's corrections, of one parameter and of more than a launch holds. */
final class OptimizerCases {
    private OptimizerCases() {}

    static Case adam(Draw d) {
        View g = d.normal(d.size(100), d.size(300));
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.99, 1e-8, 0.1, d.coin());
        View step = AdamStep.of(c, 1e-2, 3).in(Arena.ofAuto());
        return of(
                "Adam " + sizes(g),
                to(d.changed(g.shape()), d.changed(g.shape()), d.changedPositive(g.shape())),
                (kernels, out) -> kernels.optimizer().adam(out[0], g, out[1], out[2], c, step));
    }

    static Case adamOfSeveral(Draw d) {
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.99, 1e-8, 0.1, d.coin());
        int count = d.of(1, 5, 70); // more than a launch holds
        View[] own = new View[3 * count];
        View[] gradients = new View[count];
        View[] steps = new View[count];
        for (int i = 0; i < count; i++) {
            gradients[i] = d.normal(d.size(300));
            own[3 * i] = d.changed(gradients[i].shape());
            own[3 * i + 1] = d.changed(gradients[i].shape());
            own[3 * i + 2] = d.changedPositive(gradients[i].shape());
            steps[i] = AdamStep.of(c, 1e-2, 1 + d.below(5)).in(Arena.ofAuto());
        }
        return of("Adam of " + count, own, (kernels, out) -> {
            List<Optimizer.Update> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                all.add(new Optimizer.Update(out[3 * i], gradients[i], out[3 * i + 1], out[3 * i + 2], c, steps[i]));
            }
            kernels.optimizer().adam(all);
        });
    }

    /** Of a step that does not apply. */
    static Case idleAdam(Draw d) {
        View g = d.normal(d.size(100), d.size(300));
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.99, 1e-8, 0.1, d.coin());
        View step = AdamStep.of(c, 1e-2, 3).idle().in(Arena.ofAuto());
        return of(
                "idle Adam " + sizes(g),
                to(d.changed(g.shape()), d.changed(g.shape()), d.changedPositive(g.shape())),
                (kernels, out) -> kernels.optimizer().adam(out[0], g, out[1], out[2], c, step));
    }

    static Case guard(Draw d) {
        View values = d.normal(1 + d.below(5));
        if (d.coin()) {
            values.setAt(values.index(0), d.of(0, 1) == 0 ? Double.NaN : Double.NEGATIVE_INFINITY);
        }
        View steps = View.allocate(Arena.ofAuto(), DType.F64, d.size(400), AdamStep.SIZE);
        for (long i = 0; i < steps.size(0); i++) {
            steps.set(i + 0.5, i, 0);
            steps.set(d.below(2), i, AdamStep.APPLIES);
        }
        return of(
                "guard " + sizes(steps),
                to(d.destination(DType.F64, steps.shape())),
                (kernels, out) -> kernels.optimizer().guard(values, steps, out[0]));
    }

    static Case regrad(Draw d) {
        int count = d.of(1, 5, 70);
        View[] totals = new View[count];
        View[][] sources = new View[count][3];
        for (int i = 0; i < count; i++) {
            totals[i] = d.changed(d.size(40), d.size(60));
            for (int k = 0; k < 3; k++) {
                sources[i][k] = d.below(5) == 0 ? null : d.normal(totals[i].shape());
            }
        }
        View mu = View.allocate(Arena.ofAuto(), DType.F64, 3);
        for (int k = 0; k < 3; k++) {
            mu.setAt(k, 0.3 + 0.2 * d.below(3));
        }
        return new Case("ReGrad of " + count, GRADIENT, GRADIENT, totals, (kernels, out) -> {
            List<Optimizer.Correction> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                View[] g = sources[i];
                all.add(new Optimizer.Correction(out[i], i % 3 == 0 ? null : out[i], g[0], g[1], g[2], i % 3));
            }
            kernels.optimizer().regrad(all, mu);
        });
    }
}
