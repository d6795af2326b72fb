package io.aegis.models.llava;

import io.aegis.kernels.Activation;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Tensor;

/** {@code mlp2x_gelu}: W2 GELU(W1 v + b1) + b2 with the exact GELU, token by token (LLaVA-1.5, arXiv 2310.03744). */
public final class Projector {
    private final Linear first;
    private final Linear second;

    /** Declares {@code 0.weight} [width, vision], {@code 0.bias}, {@code 2.weight} [width, width], {@code 2.bias}. */
    public Projector(Parameters p, long vision, long width) {
        first = new Linear(p.at("0"), vision, width, true);
        second = new Linear(p.at("2"), width, width, true);
    }

    /** Excludes it from training. */
    public Projector frozen() {
        first.frozen();
        second.frozen();
        return this;
    }

    /** v [..., vision] to [..., width]. */
    public Tensor of(Tensor v) {
        return second.of(first.activated(v, Activation.GELU));
    }
}
