package io.aegis.layers;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** A table of vectors, one a token; frozen, it may have been loaded with 8 or 4 bits a weight. */
public final class Embedding {
    private final Parameter weight;

    /** PyTorch's default initialisation, standard normal. */
    public Embedding(Parameters p, long count, long width) {
        this(p, count, width, new Init.Normal(1));
    }

    /** Declares {@code weight} [count, width]. */
    public Embedding(Parameters p, long count, long width, Init weight) {
        this.weight = p.weight("weight", weight, count, width).quantizable();
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
        return weight.isQuantized() ? Ops.embedding(weight.quantized(), ids) : Ops.embedding(weight.tensor(), ids);
    }

    /** The table as an output matrix, each vector's product with x: [..., width] to [..., count]. */
    public Tensor scores(Tensor x) {
        return weight.isQuantized() ? Ops.linear(x, weight.quantized(), null) : Ops.linear(x, weight.tensor(), null);
    }

    /** As {@link #scores}, each row bit for bit as if it were the only one. */
    public Tensor scoresOfRows(Tensor x) {
        return weight.isQuantized()
                ? Ops.linearRows(x, weight.quantized(), null)
                : Ops.linearRows(x, weight.tensor(), null);
    }
}
