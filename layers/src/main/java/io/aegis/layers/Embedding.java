package io.aegis.layers;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** A table of vectors, one a token. */
public final class Embedding {
    private final Parameter weight;

    /** PyTorch's default initialisation, standard normal. */
    public Embedding(Parameters p, long count, long width) {
        this(p, count, width, new Init.Normal(1));
    }

    /** Declares {@code weight} [count, width]. */
    public Embedding(Parameters p, long count, long width, Init weight) {
        this.weight = p.weight("weight", weight, count, width);
    }

    public Embedding frozen() {
        weight.frozen();
        return this;
    }

    /** [count, width]. */
    public Parameter weight() {
        return weight;
    }

    /** ids I64 of any shape, each in 0..count-1, to [..., width]. */
    public Tensor of(Tensor ids) {
        return Ops.embedding(weight.tensor(), ids);
    }
}
