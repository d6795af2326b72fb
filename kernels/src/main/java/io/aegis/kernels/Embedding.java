package io.aegis.kernels;

/** Rows of a table by number. The backward pass is {@link Elementwise#scatterAdd}. */
public interface Embedding {
    /**
     * y[i] = table[ids[i]], widened.
     *
     * @param table [V, D], any floating dtype
     * @param ids I64 [n], each in 0..V-1
     * @param y F32 or F64 [n, D]
     */
    void lookup(View table, View ids, View y);
}
