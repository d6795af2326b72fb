package io.aegis.layers;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** Layer norm over the last dimension. */
public final class LayerNorm {
    private final Parameter weight;
    private final Parameter bias;
    private final double eps;

    public LayerNorm(Parameters p, long width, double eps) {
        this.weight = p.weight("weight", Init.ONES, width);
        this.bias = p.weight("bias", Init.ZEROS, width);
        this.eps = eps;
    }

    public LayerNorm frozen() {
        weight.frozen();
        bias.frozen();
        return this;
    }

    public Tensor of(Tensor x) {
        return Ops.layerNorm(x, weight.tensor(), bias.tensor(), eps);
    }
}
