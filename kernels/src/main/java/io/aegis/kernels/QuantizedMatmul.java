package io.aegis.kernels;

import io.aegis.kernels.Matmul.Epilogue;

/**
 * Products with a frozen weight of 8 or 4 bits, W [N, K]. Weights are widened where they are used; products and sums are
 * float32. Every implementation gives the same bits whatever the number of threads.
 */
public interface QuantizedMatmul {
    /**
     * y = act(x W^T + bias), or y += x W^T.
     *
     * @param x [M, K], F32
     * @param y [M, N], F32
     */
    void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue);

    /** As {@link #multiply}, each row of y bit for bit what it would be alone; W is read once for a few rows. */
    void multiplyRows(View x, QuantizedWeight w, View y, Epilogue epilogue);

    /**
     * x = y W, or x += y W: what a gradient of y becomes for x.
     *
     * @param y [M, N], F32
     * @param x [M, K], F32
     * @param accumulate whether x is added to
     */
    void multiplyTransposed(View y, QuantizedWeight w, View x, boolean accumulate);

    /**
     * The weight itself.
     *
     * @param out [N, K], F32, any strides
     */
    void widen(QuantizedWeight w, View out);
}
