package io.aegis.kernels;

/** Sums, softmax, and what is greatest. */
public interface Reduction {
    /**
     * y = scale * (sum of x over every dimension where y has size 1 and x has not), overwriting y, or adding to it.
     *
     * @param x any shape
     * @param y same rank, each size that of x or 1
     */
    void sum(View x, double scale, boolean accumulate, View y);

    /** Softmax over the last dimension, rows shifted by their maximum; y may be x. */
    void softmax(View x, View y);

    /** dx = y (dy - sum(dy y)), row by row, from the softmax's result y; dx may be dy. */
    void softmaxBackward(View y, View dy, View dx);

    /**
     * Rows divided by their Euclidean length, without any epsilon: x [..., D] to y as x, lengths [rows] kept for the
     * backward pass unless null.
     */
    void normalizeRows(View x, View y, View lengths);

    /** dx = (dy - y (dy . y)) / length; dx may be dy. */
    void normalizeRowsBackward(View y, View lengths, View dy, View dx);

    /**
     * The likeliest of each row of logits: the first of the greatest numbers, and the logarithm of its share of the row's softmax.
     * A row's bits do not depend on the others.
     *
     * @param x [B, V], V at least 1
     * @param index I64 [B], dense; -1 where a number of the row is NaN
     * @param share F64 [B], dense; NaN where the index is -1
     */
    void likeliest(View x, View index, View share);

    /**
     * The greatest of each row, and the first place where it is; NaN is above all.
     *
     * @param x [R, M], M at least 1
     * @param y [R], of the dtype of x
     * @param index I64 [R]
     */
    void greatest(View x, View y, View index);

    /** dx[i, index[i]] = dy[i], and 0 elsewhere: dx [R, M], dy [R], index I64 [R], each in 0..M-1. */
    void greatestBackward(View index, View dy, View dx);
}
