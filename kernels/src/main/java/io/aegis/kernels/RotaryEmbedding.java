package io.aegis.kernels;

/** Rotary position embedding (Su et al., arXiv 2104.09864) in the "rotate half" layout of Hugging Face's checkpoints. */
public interface RotaryEmbedding {
    /**
     * Turns each pair (j, j + D / 2) of a head's vector by its angle: (a, b) becomes (a cos - b sin, b cos + a sin).
     *
     * @param x [B, N, H, D], D even
     * @param cos [N, D / 2] or [B, N, D / 2], of each position and pair
     * @param sin as cos
     * @param inverse turn by the negative angle: the backward pass
     * @param y as x; may be x
     */
    void rotate(View x, View cos, View sin, boolean inverse, View y);
}
