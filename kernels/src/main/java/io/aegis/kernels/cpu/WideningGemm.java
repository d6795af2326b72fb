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

    /** @param floats what multiplies them, by one thread */
    WideningGemm(Gemm floats) {
        this.floats = floats;
    }

    @Override
    public void multiply(Operand a, Operand b, float alpha, boolean add, Part c) {
        long k = a.columns();
        if (k == 0 && !add) {
            c.clear();
        }
        for (long from = 0; from < k; from += DEPTH) {
            long depth = Math.min(DEPTH, k - from);
            Operand left = widen(a.columns(from, depth), Scratch.WIDE_A);
            Operand right = widen(b.rows(from, depth), Scratch.WIDE_B);
            floats.multiply(left, right, alpha, add || from > 0, c);
        }
    }

    @Override
    public Operand operand(Operand x, int slot) {
        return x.rounded(slot);
    }

    @Override
    public String description() {
        return "operands rounded, then " + floats.description();
    }

    private static Operand widen(Operand x, int slot) {
        int length = x.length();
        MemorySegment wide = Scratch.floats(slot, x.lines() * length);
        for (long i = 0; i < x.lines(); i++) {
            Widen.row(x.dtype(), x.memory(), x.offset() + i * x.leading(), wide, i * length, length);
        }
        return new Operand(wide, DType.F32, 0, x.rows(), x.columns(), x.byColumns(), Math.max(1, length));
    }
}
