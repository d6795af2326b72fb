package io.aegis.layers;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/**
 * Central-difference convolution, 3x3, without a bias (Yu et al., CDCN, arXiv 2003.04092): conv(x, W) - theta
 * conv1x1(x, sum of W's taps), computed as one convolution with the combined kernel.
 */
public final class CentralDifferenceConv {
    private final Parameter weight;
    private final double theta;

    /** Declares {@code weight} [channels, channels, 3, 3]. */
    public CentralDifferenceConv(Parameters p, long channels, double theta) {
        this.weight = p.convolution("weight", Init.fanIn(channels * 9), channels, channels, 3, 3);
        this.theta = theta;
    }

    /** The combined kernel, to be used for several pictures of one pass. */
    public Tensor kernel() {
        return Ops.centralDifference(weight.tensor(), theta);
    }

    /** x [B, H, W, channels], any size: on a 1x1 picture only the centre tap acts. */
    public static Tensor of(Tensor x, Tensor kernel) {
        return Ops.conv2d(x, kernel, null, Geometry.SAME_3X3);
    }
}
