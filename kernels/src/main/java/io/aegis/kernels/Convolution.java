package io.aegis.kernels;

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
