package io.aegis.kernels;

/** Losses, each with what its gradient needs. Scalars are views of one element. */
public interface Loss {
    /**
     * Softmax cross-entropy, mean over rows.
     *
     * @param logits [B, C]
     * @param target I64 [B], each in 0..C-1
     * @param loss one element
     * @param probabilities [B, C], kept for the backward pass, or null
     */
    void crossEntropy(View logits, View target, View loss, View probabilities);

    /** dlogits = dloss (probabilities - onehot) / B. */
    void crossEntropyBackward(View probabilities, View target, View dloss, View dlogits);

    /** y[i, c] = -||x[i] - p[c]||, Euclidean; x [B, D], p [C, D], y [B, C]. */
    void negativeDistance(View x, View p, View y);

    /**
     * dx[i] = sum over c of dy[i, c] (x[i] - p[c]) / y[i, c].
     *
     * @param zeroAtZero gradient 0 where a distance is exactly 0; otherwise NaN there, as PyTorch's square root gives
     */
    void negativeDistanceBackward(View x, View p, View y, View dy, boolean zeroAtZero, View dx);
}
