package io.aegis.kernels;

import java.util.List;

/**
 * Two-dimensional convolutions (cross-correlations, as deep learning uses the word), channels last:
 * x [B, H, W, C] to y [B, H', W', O], H' = (H + 2 pad - kh) / stride + 1. Weights have PyTorch's shape [O, C / groups,
 * kh, kw] with any strides; implementations are fastest when memory holds [O, kh, kw, C / groups] (dense) or
 * [kh, kw, O] (depthwise, groups = C = O), see {@link #channelsLast}.
 */
public interface Convolution {
    /**
     * How the kernel moves over the picture.
     *
     * @param stride step in both directions
     * @param padding zeros on every side
     * @param groups 1 (dense), or C (depthwise, with O = C)
     */
    record Geometry(int stride, int padding, int groups) {
        public static final Geometry POINTWISE = new Geometry(1, 0, 1);
        public static final Geometry SAME_3X3 = new Geometry(1, 1, 1);

        public static Geometry depthwise3x3(int channels) {
            return new Geometry(1, 1, channels);
        }

        /** Size of the result along one axis. */
        public long out(long in, long kernel) {
            return (in + 2L * padding - kernel) / stride + 1;
        }
    }

    /** Forward; {@code bias} [O] may be null. */
    void forward(View x, View weight, View bias, Geometry geometry, View y);

    /** Overwrites dx. */
    void backwardInput(View dy, View weight, Geometry geometry, View dx);

    /** Overwrites dweight and dbias, each unless null. */
    void backwardWeight(View x, View dy, Geometry geometry, View dweight, View dbias);

    /**
     * One of n layers of one shape side by side, which a device may take in one go: layer i has the i-th of n equal parts of
     * the pictures, in their order.
     *
     * @param weight as in {@link #forward}
     * @param bias [O], or null
     * @param norm the batch norm behind it, with given statistics, or null
     */
    record Layer(View weight, View bias, Normalization.Channels norm) {}

    /**
     * What follows layers side by side: y = act(norm(conv(x))), times another map unless that is null.
     *
     * @param eps of the batch norms
     * @param times as y, of any strides, or null
     */
    record Behind(double eps, Activation activation, View times) {}

    /** Forward by each layer, their batch norms left out. */
    default void forward(View x, List<Layer> layers, Geometry geometry, View y) {
        for (int i = 0; i < layers.size(); i++) {
            Layer l = layers.get(i);
            forward(part(x, i, layers.size()), l.weight(), l.bias(), geometry, part(y, i, layers.size()));
        }
    }

    /**
     * Forward by each layer with all that follows it, in one pass over y; as exact as the convolution, {@link
     * Normalization#batchNorm} and the product one after the other.
     *
     * @return false when this cannot be done in one pass here, and nothing was done
     */
    default boolean forwardNormed(View x, List<Layer> layers, Geometry geometry, Behind behind, View y) {
        return false;
    }

    /**
     * Forward by each layer, their batch norms left out, and by the way what {@link Normalization#batchStatisticsOfEach} would find in y;
     * without a pass over y, and as exact.
     *
     * @param mean [n, O], with {@code variance}: the biased one of each channel of a layer's part of y
     * @return false when this cannot be done here, and nothing was done
     */
    default boolean forwardWithStatistics(
            View x, List<Layer> layers, Geometry geometry, View y, View mean, View variance) {
        return false;
    }

    /** Overwrites dx, whose parts are those of the layers. */
    default void backwardInput(View dy, List<View> weights, Geometry geometry, View dx) {
        for (int i = 0; i < weights.size(); i++) {
            backwardInput(part(dy, i, weights.size()), weights.get(i), geometry, part(dx, i, weights.size()));
        }
    }

    /** Overwrites the gradients of each layer's weight and bias, each unless null. */
    default void backwardWeight(View x, View dy, Geometry geometry, View[] dweights, View[] dbiases) {
        for (int i = 0; i < dweights.length; i++) {
            if (dweights[i] != null || dbiases[i] != null) {
                View own = part(x, i, dweights.length);
                backwardWeight(own, part(dy, i, dweights.length), geometry, dweights[i], dbiases[i]);
            }
        }
    }

    /** The i-th of n equal parts along the first dimension. */
    static View part(View x, int i, int n) {
        long each = x.size(0) / n;
        return x.slice(0, i * each, (i + 1) * each);
    }

    /**
     * The kernel of a central-difference convolution (Yu et al., CDCN, arXiv 2003.04092) as one plain kernel: the centre
     * tap loses theta times the sum of all taps, so that conv(x, effective) = conv(x, w) - theta conv1x1(x, sum of w).
     *
     * @param weight [O, C, k, k], k odd
     * @param effective as weight
     */
    void centralDifference(View weight, double theta, View effective);

    /** dweight = deffective - theta (its centre tap), for every tap; overwrites dweight. */
    void centralDifferenceBackward(View deffective, double theta, View dweight);

    /** Row-major strides of memory order [O, kh, kw, I] for a weight of shape [O, I, kh, kw]; [kh, kw, O] if I is 1. */
    static long[] channelsLast(long o, long i, long kh, long kw) {
        return i == 1 ? new long[] {1, 1, kw * o, o} : new long[] {kh * kw * i, 1, kw * i, i};
    }
}
