package io.aegis.kernels;

/**
 * Scaled dot-product attention without an N x M matrix in memory: O = softmax(scale Q K^T) V, row by row.
 *
 * <p>Shapes: q, out [B, H, N, D]; k, v [B, H, M, D]; lse [B, H, N], the logarithm of each row's sum of exponentials.
 * Views may be strided (heads inside packed rows); the last dimension is dense.
 */
public interface Attention {
    /** Writes out, and lse unless it is null (it is what {@link #backward} needs). */
    void forward(View q, View k, View v, double scale, View out, View lse);

    /**
     * With P = exp(scale Q K^T - lse): dV = P^T dO; dS = P * (dO V^T - rowsum(dO * O)); dQ = scale dS K;
     * dK = scale dS^T Q. Overwrites dq, dk and dv.
     */
    void backward(View q, View k, View v, double scale, View out, View lse, View dout, View dq, View dk, View dv);
}
