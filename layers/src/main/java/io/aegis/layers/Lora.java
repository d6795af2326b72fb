package io.aegis.layers;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/**
 * A low-rank addition to a linear (Hu et al., arXiv 2106.09685): s B A dropout(x), under PEFT's names. A begins uniform
 * within 1/sqrt(in) (Kaiming with a = sqrt 5), B at zero, so that a fresh adapter adds nothing.
 */
public final class Lora {
    private final Parameter a;
    private final Parameter b;
    private final double scale;
    private final double dropout;
    private final long site;

    /**
     * Declares {@code lora_A.weight} [rank, in] and {@code lora_B.weight} [out, rank].
     *
     * @param scale s, such as alpha / rank
     * @param dropout probability with which an element of x is left out in training
     * @param site which dropout of the model this is
     */
    public Lora(Parameters p, long in, long out, int rank, double scale, double dropout, long site) {
        this.a = p.weight("lora_A.weight", Init.fanIn(in), rank, in);
        this.b = p.weight("lora_B.weight", Init.ZEROS, out, rank);
        this.scale = scale;
        this.dropout = dropout;
        this.site = site;
    }

    /** x [..., in] to [..., out]; dropout follows the pass's samples, one a row of the first dimension. */
    public Tensor of(Tensor x, Pass pass) {
        return Ops.linear(down(x, pass), b.tensor(), null);
    }

    /** What a frozen or trained linear without a bias gives, and this beside it: x [..., in] to [..., out]. */
    public Tensor beside(Linear linear, Tensor x, Pass pass) {
        Tensor u = down(x, pass);
        return linear.weight().isQuantized()
                ? Ops.linear(u, b.tensor(), null, linear.of(x))
                : Ops.linearBoth(x, linear.weight().tensor(), u, b.tensor());
    }

    /** s A dropout(x). */
    private Tensor down(Tensor x, Pass pass) {
        Tensor seen = pass.dropout() && dropout > 0
                ? Ops.dropout(x, dropout, pass.seed(), pass.counter(), site, pass.samples())
                : x;
        return Ops.linear(seen, a.tensor(), null).times(scale);
    }

    /** Without dropout, each row bit for bit as if it were the only one. */
    public Tensor ofRows(Tensor x) {
        return ofRows(x, null);
    }

    /** As {@link #ofRows(Tensor)}, added to what a linear gives, [..., out]. */
    public Tensor ofRows(Tensor x, Tensor y) {
        return Ops.linearRows(Ops.linearRows(x, a.tensor(), null).times(scale), b.tensor(), null, y);
    }
}
