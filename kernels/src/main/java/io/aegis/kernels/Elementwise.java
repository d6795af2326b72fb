package io.aegis.kernels;

/** Pointwise work. All views of one call have one shape; sources may be expanded (stride 0). */
public interface Elementwise {
    /** Functions of two variables. */
    enum Binary {
        ADD,
        SUBTRACT,
        MULTIPLY,
        DIVIDE
    }

    /** Writes one value everywhere. */
    void fill(View y, double value);

    /** y = x, between any strides and any dtypes. */
    void copy(View x, View y);

    /** y = x for several pairs, as {@link #copy}; no y overlaps another pair's. */
    default void copies(View[] x, View[] y) {
        for (int i = 0; i < y.length; i++) {
            copy(x[i], y[i]);
        }
    }

    /** y = a + b for several triples, as {@link #binary}; no y overlaps another triple's. */
    default void sums(View[] a, View[] b, View[] y) {
        for (int i = 0; i < y.length; i++) {
            binary(Binary.ADD, a[i], b[i], y[i]);
        }
    }

    /** y = a op b; y may be a or b. */
    void binary(Binary op, View a, View b, View y);

    /** y = scale x + shift; y may be x. */
    void affine(View x, double scale, double shift, View y);

    /** y += scale x. */
    void addScaled(View x, double scale, View y);

    /** y = f(x); y may be x. */
    void activate(Activation f, View x, View y);

    /** dx = dy f'(x); dx may be dy. */
    void activateBackward(Activation f, View x, View dy, View dx);

    /** y = silu(gate) up, the gate of a SwiGLU block (Shazeer, arXiv 2002.05202); y may be gate or up. */
    void siluGate(View gate, View up, View y);

    /** dgate = dy up silu'(gate), dup = dy silu(gate), each unless null; neither may be a source. */
    void siluGateBackward(View gate, View up, View dy, View dgate, View dup);

    /**
     * Inverted dropout, y = x mask / (1 - p), with a mask that depends on the seed and on what an element is, never on
     * where a batch happens to hold it: element e of sample b is dropped when {@link Philox#uniform} of (step,
     * samples[b], site, e) is below p. The backward pass is the same call on dy.
     *
     * @param x [B, ...]
     * @param step I64 [1], read when the mask is made: work that is recorded makes another one each time
     * @param samples I64 [B], the identity of each row
     * @param site which dropout of the model this is
     * @param y as x; may be x
     */
    void dropout(View x, double p, long seed, View step, View samples, long site, View y);

    /** y[i] = x[index[i]] along the first dimension; index I64 [n], x [m, ...], y [n, ...]. */
    void gather(View x, View index, View y);

    /** x[index[i]] += y[i] along the first dimension; an index may repeat. */
    void scatterAdd(View y, View index, View x);
}
