package io.aegis.kernels;

import java.util.List;

/**
 * DADM's estimate of mutual information between two batches of information tokens (arXiv 2503.00429; Donsker-Varadhan
 * form with the critic T(u, v) = (u + v) / 2, elementwise): M = log mean exp(X) - mean(X) over all elements of X =
 * (a[pa] + b[pb]) / 2. The exponentials are not shifted by their maximum, as published.
 */
public interface MutualInformation {
    /**
     * @param a [B, D]
     * @param b [B, D]
     * @param permuteA I64 [B]: row i of X takes row permuteA[i] of a
     * @param permuteB I64 [B]
     * @param loss one element
     */
    void forward(View a, View b, View permuteA, View permuteB, View loss);

    /** Overwrites da and db, each unless null. */
    void backward(View a, View b, View permuteA, View permuteB, View dloss, View da, View db);

    /**
     * Mean information of each modality, summed in double: what {@link Optimizer#regrad} goes by.
     *
     * @param tokens of any shapes, each with elements
     * @param means F64, one element for each of them, dense
     */
    void means(List<View> tokens, View means);
}
