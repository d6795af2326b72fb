package io.aegis.layers;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** Convolution, channels last, with a bias. */
public final class Conv2d {
    private final Parameter weight;
    private final Parameter bias;
    private final Geometry geometry;

    /** PyTorch's default initialisation. */
    public Conv2d(Parameters p, long in, long out, int kernel, Geometry geometry) {
        this(p, in, out, kernel, geometry, fanIn(in, kernel, geometry), fanIn(in, kernel, geometry));
    }

    /** Declares {@code weight} [out, in / groups, kernel, kernel] and {@code bias} [out]. */
    public Conv2d(Parameters p, long in, long out, int kernel, Geometry geometry, Init weight, Init bias) {
        this.weight = p.convolution("weight", weight, out, in / geometry.groups(), kernel, kernel);
        this.bias = p.weight("bias", bias, out);
        this.geometry = geometry;
    }

    private static Init fanIn(long in, int kernel, Geometry geometry) {
        return Init.fanIn(in / geometry.groups() * kernel * kernel);
    }

    public Conv2d frozen() {
        weight.frozen();
        bias.frozen();
        return this;
    }

    /** [out, in / groups, kernel, kernel] */
    Parameter weight() {
        return weight;
    }

    Parameter bias() {
        return bias;
    }

    Geometry geometry() {
        return geometry;
    }

    /** x [B, H, W, in] to [B, H', W', out]. */
    public Tensor of(Tensor x) {
        return Ops.conv2d(x, weight.tensor(), bias.tensor(), geometry);
    }
}
