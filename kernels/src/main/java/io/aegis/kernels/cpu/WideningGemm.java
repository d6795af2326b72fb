package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import java.lang.foreign.MemorySegment;

/**
 * Products of 16-bit operands where nothing multiplies them as they are: widened exactly, a panel at a time, and multiplied
 * as floats. The product of two bfloat16 is exact in float32, so this differs from hardware in the order of additions alone.
 */
final class WideningGemm implements Gemm {
    /** Depth of a panel. */
    private static final long DEPTH = 1024;

    private final Gemm floats;

    WideningGemm(Sgemm sgemm) {
        floats = Gemm.of(sgemm);
    }

    @Override
    public void multiply(
            Operand a, Operand b, long m, long n, long k, boolean add, MemorySegment c, long offset, long ldc) {
        for (long from = 0; from < k; from += DEPTH) {
            long depth = Math.min(DEPTH, k - from);
            Operand left = widen(a.from(0, from), m, depth, Scratch.WIDE_A);
            Operand right = widen(b.from(from, 0), depth, n, Scratch.WIDE_B);
            floats.multiply(left, right, m, n, depth, add || from > 0, c, offset, ldc);
        }
    }

    private static Operand widen(Operand x, long rows, long columns, int slot) {
        int length = (int) (x.transposed() ? rows : columns);
        long lines = x.transposed() ? columns : rows;
        MemorySegment wide = Scratch.floats(slot, lines * length);
        for (long i = 0; i < lines; i++) {
            Widen.row(x.dtype(), x.memory(), x.offset() + i * x.leading(), wide, i * length, length);
        }
        return new Operand(wide, DType.F32, 0, x.transposed(), length);
    }
}
