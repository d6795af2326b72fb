package io.aegis.models.llava;

import io.aegis.kernels.Activation;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** {@code mlp2x_gelu}: z = W2 gelu(W1 v + b1) + b2 for each token, with the exact (erf) GELU. */
public final class Projector {
    private final Linear first;
    private final Linear second;

    /**
     * Declares {@code 0.{weight, bias}} and {@code 2.{weight, bias}}.
     *
     * @param vision width of the tower's tokens
     * @param model width of the language model
     */
    public Projector(Parameters p, long vision, long model) {
        first = new Linear(p.at("0"), vision, model, true);
        second = new Linear(p.at("2"), model, model, true);
    }

    /** Tokens [..., vision] to [..., model]. */
    public Tensor of(Tensor v) {
        return second.of(Ops.activate(Activation.GELU, first.of(v)));
    }

    /** Excludes it from training. */
    public Projector frozen() {
        first.frozen();
        second.frozen();
        return this;
    }
}
