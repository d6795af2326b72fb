package io.aegis.tensor;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * A convolution, batch norm and an activation, of n layers of one shape side by side: x [n B, H, W, C] to y [n B, H', W', O], layer
 * i on the i-th part. What comes out may be multiplied by another map, and become tokens behind a first one.
 *
 * <p>Inputs: x; the factor as y, or null; the first tokens [n B, 1, O], or null; then of each layer weight, bias or null, and
 * with a norm gamma, beta and, unless the statistics are the batch's own, mean and variance. Outputs: y, or [n B, 1 + H' W', O]
 * with first tokens; the batch's statistics [n, O] each.
 *
 * <p>Where nobody goes back and the statistics are given, all of it is one pass on devices that have one.
 *
 * @param normed whether a batch norm stands in between
 * @param batch whether its statistics are the batch's own
 */
record StageOp(Geometry geometry, int layers, boolean normed, boolean batch, double eps, Activation activation)
        implements Op {
    private static final int X = 0;
    private static final int TIMES = 1;
    private static final int FIRST = 2;
    private static final int LAYERS = 3;

    private static final int WEIGHT = 0;
    private static final int BIAS = 1;
    private static final int GAMMA = 2;
    private static final int BETA = 3;
    private static final int MEAN = 4;
    private static final int VARIANCE = 5;

    private int width() {
        return !normed ? 2 : batch ? 4 : 6;
    }

    private int input(int layer, int which) {
        return LAYERS + layer * width() + which;
    }

    @Override
    public void forward(Forward f) {
        View x = f.in(X);
        View w = f.in(input(0, WEIGHT));
        f.require(x.rank() == 4 && w.rank() == 4, "a picture [B, H, W, C] and weights [O, C / groups, kh, kw]");
        f.require(x.size(3) == w.size(1) * geometry.groups(), "channels of picture and weights must agree");
        f.require(layers > 0 && x.size(0) % layers == 0, "the pictures must divide into " + layers + " layers");
        long high = geometry.out(x.size(1), w.size(2));
        long wide = geometry.out(x.size(2), w.size(3));
        f.require(high > 0 && wide > 0, "the kernel must fit into the padded picture");
        long[] shape = {x.size(0), high, wide, w.size(0)};
        View first = f.optional(FIRST);
        View times = f.optional(TIMES);
        f.require(
                first == null || first.rank() == 3 && first.size(1) == 1 && first.size(2) == w.size(0),
                "first tokens must be [B, 1, O]");
        View y = first == null ? f.out(shape) : f.out(shape[0], 1 + high * wide, shape[3]);
        View map = first == null ? y : y.slice(1, 1, y.size(1)).reshape(shape);
        f.require(times == null || times.sameShape(map), "the factor must be as the result");
        if (first != null) {
            f.k().elementwise().copy(first.expand(shape[0], 1, shape[3]), y.slice(1, 0, 1));
        }
        if (!f.isRecording() && !(normed && batch)) {
            Convolution.Behind behind = new Convolution.Behind(eps, activation, times);
            if (f.k().convolution().forwardNormed(x, convolutions(f, null), geometry, behind, map)) {
                return;
            }
        }
        stepByStep(f, x, times, map, shape);
    }

    private void stepByStep(Forward f, View x, View times, View map, long[] shape) {
        boolean plain = isPlain(times != null, f.optional(FIRST) != null);
        View z = plain ? map : f.temporary(x.dtype(), shape);
        f.k().convolution().forward(x, convolutions(f, null), geometry, z);
        View mean = null;
        View variance = null;
        if (!plain) {
            f.k().stored(z);
        }
        if (normed && batch) {
            f.require(z.elements() / layers > shape[3], "batch statistics need more than one value a channel");
            mean = f.out(accumulator(x), layers, shape[3]);
            variance = f.out(accumulator(x), layers, shape[3]);
            f.k().normalization().batchStatisticsOfEach(z, mean, variance);
        }
        List<Channels> norms = norms(f, mean, variance);
        if (times != null) {
            View factor = f.temporary(x.dtype(), shape);
            activate(f.k().normalization(), f.k().elementwise(), norms, z, factor);
            f.k().stored(factor);
            f.k().elementwise().binary(Elementwise.Binary.MULTIPLY, factor, times, map);
        } else if (!plain) {
            activate(f.k().normalization(), f.k().elementwise(), norms, z, map);
        }
        keep(f, z, plain, times != null);
    }

    /** Whether the convolution alone is the result. */
    private boolean isPlain(boolean times, boolean first) {
        return !normed && activation == Activation.NONE && !times && !first;
    }

    /** Whether the result says where the activation was flat: max(z, 0) is positive where z is. */
    private boolean tellsSlope(boolean times) {
        return normed && activation == Activation.RELU && !times;
    }

    /** y = act(norm(z)). */
    private void activate(Normalization n, Elementwise e, List<Channels> norms, View z, View y) {
        if (normed) {
            n.batchNorm(z, norms, eps, activation, y);
        } else if (activation != Activation.NONE) {
            e.activate(activation, z, y);
        } else {
            e.copy(z, y);
        }
    }

    private List<Convolution.Layer> convolutions(Forward f, List<Channels> given) {
        List<Channels> norms = given == null && normed && !batch ? norms(f, null, null) : given;
        List<Convolution.Layer> out = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            out.add(new Convolution.Layer(
                    f.in(input(i, WEIGHT)), f.optional(input(i, BIAS)), norms == null ? null : norms.get(i)));
        }
        return out;
    }

    private List<Channels> norms(Forward f, View mean, View variance) {
        List<Channels> out = new ArrayList<>();
        for (int i = 0; normed && i < layers; i++) {
            out.add(new Channels(
                    f.in(input(i, GAMMA)),
                    f.in(input(i, BETA)),
                    batch ? mean.select(0, i) : f.in(input(i, MEAN)),
                    batch ? variance.select(0, i) : f.in(input(i, VARIANCE))));
        }
        return out;
    }

    /** In this order: z unless it is y itself; y where it tells the slope; x if weights are trained; the factor; of each layer the weight and its norm. */
    private void keep(Forward f, View z, boolean plain, boolean times) {
        if (!f.isRecording()) {
            return;
        }
        if (!plain) {
            f.keep(z);
        }
        if (tellsSlope(times)) {
            f.keepOutput(0);
        }
        if (f.wants(input(0, WEIGHT))) {
            f.keepInput(X);
        }
        if (times) {
            f.keepInput(TIMES);
        }
        if (normed && batch) {
            f.keepOutput(1);
            f.keepOutput(2);
        }
        for (int i = 0; i < layers; i++) {
            f.keepInput(input(i, WEIGHT));
            for (int j = GAMMA; j < width(); j++) {
                f.keepInput(input(i, j));
            }
        }
    }

    /** What {@link #keep} kept. */
    private final class Kept {
        private final Backward b;
        private int at;
        private View z;
        /** y, or null. */
        private View y;

        private View x;
        private View times;
        private final List<View> weights = new ArrayList<>();
        private final List<Channels> norms = new ArrayList<>();

        Kept(Backward b) {
            this.b = b;
            boolean first = b.has(FIRST);
            boolean factor = b.has(TIMES);
            z = isPlain(factor, first) ? null : next();
            y = tellsSlope(factor) ? next() : null;
            if (y != null && first) {
                y = y.slice(1, 1, y.size(1)).reshape(z.shape());
            }
            x = b.isTracked(input(0, WEIGHT)) ? next() : null;
            times = factor ? next() : null;
            View mean = normed && batch ? next() : null;
            View variance = normed && batch ? next() : null;
            for (int i = 0; i < layers; i++) {
                weights.add(next());
                if (normed) {
                    View gamma = next();
                    View beta = next();
                    norms.add(new Channels(
                            gamma, beta, batch ? mean.select(0, i) : next(), batch ? variance.select(0, i) : next()));
                }
            }
        }

        private View next() {
            return b.kept(at++);
        }
    }

    @Override
    public void backward(Backward b) {
        backward(List.of(b));
    }

    /** What the activation gave is computed again once, for all losses. */
    @Override
    public void backward(List<Backward> losses) {
        Backward one = losses.getFirst();
        Kept kept = new Kept(one);
        View factor = null;
        if (kept.times != null && losses.stream().anyMatch(b -> b.wants(TIMES))) {
            factor = one.temporary(kept.z.dtype(), kept.z.shape());
            activate(one.k().normalization(), one.k().elementwise(), kept.norms, kept.z, factor);
        }
        Slope slope = new Slope(one, kept);
        for (Backward b : losses) {
            if (b.dyOrNull(0) != null) {
                View dy = map(b, kept);
                if (kept.times != null) {
                    dy = unmultiplied(b, kept, factor, dy);
                }
                convolutionBackward(b, kept, slope.through(b, dy));
            }
        }
    }

    /** The gradient of the map in y; that of the first tokens is passed on. */
    private View map(Backward b, Kept kept) {
        View dy = b.dy();
        if (!b.has(FIRST)) {
            return dy;
        }
        if (b.wants(FIRST)) {
            View rows = dy.slice(1, 0, 1);
            if (b.shape(FIRST)[0] == dy.size(0)) {
                b.pass(FIRST, rows);
            } else {
                b.k().reduction().sum(rows, 1, false, b.into(FIRST));
            }
        }
        View rest = dy.slice(1, 1, dy.size(1));
        long[] shape = kept.z.shape();
        if (rest.canReshape(shape)) {
            return rest.reshape(shape);
        }
        View dense = b.temporary(dy.dtype(), rest.shape());
        b.k().elementwise().copy(rest, dense);
        return dense.reshape(shape);
    }

    private static View unmultiplied(Backward b, Kept kept, View factor, View dy) {
        Elementwise e = b.k().elementwise();
        if (b.wants(TIMES)) {
            e.binary(Elementwise.Binary.MULTIPLY, dy, factor, b.into(TIMES));
        }
        View out = b.temporary(dy.dtype(), dy.shape());
        e.binary(Elementwise.Binary.MULTIPLY, dy, kept.times, out);
        return out;
    }

    /** Back through activation and norm, to the gradient of what the convolution gave. */
    private final class Slope {
        private final Kept kept;
        private final Backward one;
        /** What the activation was given, and room, where the norm's own kernel leaves the activation to another. */
        private View given;

        private View room;

        Slope(Backward one, Kept kept) {
            this.one = one;
            this.kept = kept;
        }

        View through(Backward b, View dy) {
            if (kept.z == null) {
                return dy;
            }
            boolean needed = b.wants(X);
            View[] dgammas = new View[layers];
            View[] dbetas = new View[layers];
            for (int i = 0; i < layers; i++) {
                needed |= b.wants(input(i, WEIGHT)) || b.wants(input(i, BIAS));
                dgammas[i] = normed ? b.into(input(i, GAMMA)) : null;
                dbetas[i] = normed ? b.into(input(i, BETA)) : null;
            }
            View dz = needed ? b.temporary(dy.dtype(), kept.z.shape()) : null;
            if (!normed) {
                if (dz != null) {
                    undo(b, kept.z, dy, dz);
                }
                return dz;
            }
            Normalization n = b.k().normalization();
            if (!n.batchNormBackward(kept.z, kept.norms, eps, batch, activation, dy, dz, dgammas, dbetas)) {
                byLayer(b, dy, dz, dgammas, dbetas);
            }
            return dz;
        }

        private void byLayer(Backward b, View dy, View dz, View[] dgammas, View[] dbetas) {
            Normalization n = b.k().normalization();
            if (room == null) {
                room = one.temporary(dy.dtype(), kept.z.shape());
                given = kept.y;
                if (given == null && activation != Activation.NONE) {
                    given = one.temporary(dy.dtype(), kept.z.shape());
                    n.batchNorm(kept.z, kept.norms, eps, Activation.NONE, given);
                }
            }
            undo(b, given, dy, room);
            for (int i = 0; i < layers; i++) {
                Channels c = kept.norms.get(i);
                n.batchNormBackward(
                        Convolution.part(kept.z, i, layers),
                        c.gamma(),
                        c.mean(),
                        c.variance(),
                        eps,
                        batch,
                        Convolution.part(room, i, layers),
                        dz == null ? null : Convolution.part(dz, i, layers),
                        dgammas[i],
                        dbetas[i]);
            }
        }

        private void undo(Backward b, View z, View dy, View dz) {
            if (activation == Activation.NONE) {
                b.k().elementwise().copy(dy, dz);
            } else {
                b.k().elementwise().activateBackward(activation, z, dy, dz);
            }
        }
    }

    private void convolutionBackward(Backward b, Kept kept, View dz) {
        if (dz == null) {
            return;
        }
        if (b.wants(X)) {
            b.k().convolution().backwardInput(dz, kept.weights, geometry, b.into(X));
        }
        View[] dweights = new View[layers];
        View[] dbiases = new View[layers];
        boolean any = false;
        boolean weights = false;
        for (int i = 0; i < layers; i++) {
            dweights[i] = b.into(input(i, WEIGHT));
            dbiases[i] = b.into(input(i, BIAS));
            any |= dweights[i] != null || dbiases[i] != null;
            weights |= dweights[i] != null;
        }
        if (weights) {
            b.k().convolution().backwardWeight(kept.x, dz, geometry, dweights, dbiases);
        } else if (any) {
            for (int i = 0; i < layers; i++) {
                if (dbiases[i] != null) {
                    View own = Convolution.part(dz, i, layers);
                    b.k().reduction().sum(own, 1, false, dbiases[i].reshape(1, 1, 1, dbiases[i].elements()));
                }
            }
        }
    }

    private static DType accumulator(View x) {
        return x.dtype() == DType.F64 ? DType.F64 : DType.F32;
    }
}
