package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;

/**
 * C = A B or C += A B on one thread: C float32, row-major, both operands of one type that the implementation names, as they
 * lie in memory; sums are float32.
 */
@FunctionalInterface
interface Gemm {
    /**
     * @param a [m, k], its offset at the first element
     * @param b [k, n], likewise
     * @param c [m, n], rows {@code ldc} elements apart, the first element at {@code offset}; not read unless added to
     */
    void multiply(Operand a, Operand b, long m, long n, long k, boolean add, MemorySegment c, long offset, long ldc);

    /** The same by a product of floats. */
    static Gemm of(Sgemm s) {
        return (a, b, m, n, k, add, c, offset, ldc) -> s.multiply(
                a.transposed(),
                b.transposed(),
                m,
                n,
                k,
                1,
                a.memory(),
                a.offset(),
                a.leading(),
                b.memory(),
                b.offset(),
                b.leading(),
                add ? 1 : 0,
                c,
                offset,
                ldc);
    }
}
