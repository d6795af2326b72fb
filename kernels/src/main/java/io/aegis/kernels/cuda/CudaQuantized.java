package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;

/**
 * Products of few rows with frozen weights of 8 or 4 bits (gemv.cu): y = act(x w^T + bias) or y += x w^T, where w[n, k] =
 * scales[n, k / group] q[n, k]. As in {@link CudaMatmul}, a row's bits do not depend on the others.
 */
final class CudaQuantized {
    private static final int LEAST_GROUP = 32;
    private static final int ALIGNMENT = 16;

    private final Cuda cuda;
    private final CudaGemv gemv;

    CudaQuantized(Cuda cuda) {
        this.cuda = cuda;
        this.gemv = new CudaGemv(cuda, new MatmulAround(cuda));
    }

    /**
     * @param x [M, K] F32, F16 or BF16, any strides; finite: of 4-bit weights an infinity gives NaN
     * @param weights I8 [N, K], or U8 [N, K / 2] with two weights a byte: k even in the low half, 0 to 15 for -8 to 7. Dense
     *     rows, each beginning at a multiple of 16 bytes
     * @param scales F32 [N, K / group], dense; a group is a power of two from 32 on
     * @param y [M, N] F32, F16 or BF16, any strides
     */
    void multiplyRows(View x, View weights, View scales, View y, Epilogue epilogue) {
        boolean packed = weights.dtype() == DType.U8;
        require(packed || weights.dtype() == DType.I8, "weights are I8, or U8 with two a byte", weights);
        require(scales.dtype() == DType.F32 && scales.isContiguous(), "scales are dense F32", scales);
        long n = weights.size(0);
        long k = weights.size(1) * (packed ? 2 : 1);
        require(x.rank() == 2 && x.size(1) == k, "x is [M, " + k + "] beside these weights", x);
        require(y.rank() == 2 && y.size(0) == x.size(0) && y.size(1) == n, "y is [" + x.size(0) + ", " + n + "]", y);
        require(
                scales.rank() == 2 && scales.size(0) == n && scales.size(1) > 0,
                "scales are [" + n + ", groups]",
                scales);
        long group = k / scales.size(1);
        require(
                k % scales.size(1) == 0 && group >= LEAST_GROUP && Long.bitCount(group) == 1,
                "a scale is for a power of two of the " + k + " weights of a row, 32 or more",
                scales);
        long row = weights.stride(0);
        require(weights.stride(1) == 1 && row % ALIGNMENT == 0, "rows are dense and 16-byte aligned", weights);
        if (y.elements() == 0) {
            return;
        }
        long address = cuda.read(weights);
        require(address % ALIGNMENT == 0, "rows are dense and 16-byte aligned", weights);
        Product p = Product.of(cuda, x, y, epilogue);
        Operand w = new Operand(address, weights.dtype(), n, weights.size(1), row, 1, 0, 0);
        CudaGemv.Weight weight = packed ? CudaGemv.Weight.INT4 : CudaGemv.Weight.INT8;
        gemv.multiply(p, new CudaGemv.Weights(weight, w, cuda.read(scales), (int) group));
    }

    private static void require(boolean condition, String expected, View given) {
        if (!condition) {
            throw new IllegalArgumentException(expected + "; given: " + given);
        }
    }
}
