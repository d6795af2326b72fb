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
 * <p>Where nobody goes back and the statistics are given, all of it is one pass on devices that have one; where they are the batch's own,
 * the convolution gathers them there, and norm, activation and factor are the second pass.
 *
 * @param normed whether a batch norm stands in between
 * @param batch whether its statistics are the batch's own
 */
record StageOp(Geometry geometry, int layers, boolean normed, boolean batch, double eps, Activation activation)
        implements Op {
    static final int X = 0;
    static final int TIMES = 1;
    static final int FIRST = 2;
    private static final int LAYERS = 3;

    static final int WEIGHT = 0;
    static final int BIAS = 1;
    static final int GAMMA = 2;
    static final int BETA = 3;
    private static final int MEAN = 4;
    private static final int VARIANCE = 5;

    private int width() {
        return !normed ? 2 : batch ? 4 : 6;
    }

    int input(int layer, int which) {
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
            if (f.k().convolution().forwardNormed(x, convolutions(f), geometry, behind, map)) {
                return;
            }
        }
        stepByStep(f, x, times, map, shape);
    }

    private void stepByStep(Forward f, View x, View times, View map, long[] shape) {
        boolean plain = isPlain(times != null, f.optional(FIRST) != null);
        // Where nobody goes back, nobody needs what the norm was given: it is written over.
        boolean over = !f.isRecording() && times == null && map.isContiguous();
        View z = plain || over ? map : f.temporary(x.dtype(), shape);
        View mean = null;
        View variance = null;
        if (normed && batch) {
            f.require(z.elements() / layers > shape[3], "batch statistics need more than one value a channel");
            mean = f.out(accumulator(x), layers, shape[3]);
            variance = f.out(accumulator(x), layers, shape[3]);
        }
        Convolution convolution = f.k().convolution();
        if (mean == null || !convolution.forwardWithStatistics(x, convolutions(f), geometry, z, mean, variance)) {
            convolution.forward(x, convolutions(f), geometry, z);
            if (!plain) {
                f.k().stored(z);
            }
            if (mean != null) {
                f.k().normalization().batchStatisticsOfEach(z, mean, variance);
            }
        }
        List<Channels> norms = norms(f, mean, variance);
        if (times != null) {
            multiplied(f, norms, z, times, map);
        } else if (!plain) {
            activate(f.k().normalization(), f.k().elementwise(), norms, z, map);
        }
        keep(f, z, plain, times != null);
    }

    /** y = act(norm(z)) times, in one pass where there is one. */
    private void multiplied(Forward f, List<Channels> norms, View z, View times, View y) {
        if (normed && f.k().normalization().batchNorm(z, norms, eps, activation, times, y)) {
            return;
        }
        View factor = f.isRecording() ? f.temporary(z.dtype(), z.shape()) : z;
        activate(f.k().normalization(), f.k().elementwise(), norms, z, factor);
        f.k().stored(factor);
        f.k().elementwise().binary(Elementwise.Binary.MULTIPLY, factor, times, y);
    }

    /** Whether the convolution alone is the result. */
    boolean isPlain(boolean times, boolean first) {
        return !normed && activation == Activation.NONE && !times && !first;
    }

    /** Whether the result says where the activation was flat: max(z, 0) is positive where z is. */
    boolean tellsSlope(boolean times) {
        return normed && activation == Activation.RELU && !times;
    }

    /** y = act(norm(z)). */
    void activate(Normalization n, Elementwise e, List<Channels> norms, View z, View y) {
        if (normed) {
            n.batchNorm(z, norms, eps, activation, y);
        } else if (activation != Activation.NONE) {
            e.activate(activation, z, y);
        } else if (y != z) {
            e.copy(z, y);
        }
    }

    /** With the norms behind them, where their statistics are given. */
    private List<Convolution.Layer> convolutions(Forward f) {
        List<Channels> norms = normed && !batch ? norms(f, null, null) : null;
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

    @Override
    public void backward(Backward b) {
        backward(List.of(b));
    }

    @Override
    public void backward(List<Backward> losses) {
        new StageBackward(this, losses.getFirst()).go(losses);
    }

    private static DType accumulator(View x) {
        return x.dtype() == DType.F64 ? DType.F64 : DType.F32;
    }
}
