package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;

/**
 * C = alpha op(A) op(B) + beta C on one thread, float32, row-major: op(A) is [m, k], op(B) is [k, n], C is [m, n]; op
 * transposes where asked. {@code lda}, {@code ldb} and {@code ldc} are the distances of stored rows. With beta 0, C is
 * not read.
 */
interface Sgemm {
    void multiply(
            boolean transposeA,
            boolean transposeB,
            long m,
            long n,
            long k,
            float alpha,
            MemorySegment a,
            long offsetA,
            long lda,
            MemorySegment b,
            long offsetB,
            long ldb,
            float beta,
            MemorySegment c,
            long offsetC,
            long ldc);

    /** What it is, for people. */
    String description();

    /** C = beta C unless everything that is there is overwritten; whether the product is added to it. */
    static boolean prepare(float beta, long m, long n, long k, MemorySegment c, long offset, long ldc) {
        if (beta == 0 && k > 0) {
            return false;
        }
        for (long i = 0; i < m && beta != 1; i++) {
            if (beta == 0) {
                c.asSlice((offset + i * ldc) << 2, n << 2).fill((byte) 0);
            } else {
                SoftmaxRows.scale(c, offset + i * ldc, beta, (int) n);
            }
        }
        return true;
    }
}
