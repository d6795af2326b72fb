package io.aegis.layers;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** Root-mean-square norm over the last dimension, without a bias. */
public final class RmsNorm {
    private final Parameter weight;
    private final double eps;

    /** Declares {@code weight} [width]. */
    public RmsNorm(Parameters p, long width, double eps) {
        this.weight = p.weight("weight", Init.ONES, width);
        this.eps = eps;
    }

    public RmsNorm frozen() {
        weight.frozen();
        return this;
    }

    public Parameter weight() {
        return weight;
    }

    public Tensor of(Tensor x) {
        return Ops.rmsNorm(x, weight.tensor(), eps);
    }
}
