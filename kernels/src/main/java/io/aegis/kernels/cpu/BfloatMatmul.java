package io.aegis.kernels.cpu;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Products whose operands are rounded to bfloat16, with sums in float32: up to 2^-8 of relative error an operand. Weights that are
 * bfloat16 are read as they lie; other ones are rounded a panel at a time, each once; float32 masters stay as they are. Single
 * rows, a few rows, and products too small to gain anything are computed exactly, by float32's kernels.
 */
final class BfloatMatmul implements Matmul {
    /** Rows that wait for memory, whatever multiplies them. */
    private static final long FEW_ROWS = 8;
    /** Depth of a panel of rounded weights: with a part's columns, half of what a second-level cache of 2 MB holds. */
    private static final long DEPTH = 1024;
    /** Elements that a thread rounds at a time. */
    private static final long GRAIN = 1 << 16;

    private final Matmul exact;
    private final Elementwise elementwise;
    private final Gemm gemm;
    private final long small;

    /**
     * @param exact what computes the rest
     * @param gemm of bfloat16 operands
     * @param small products of fewer multiply-adds are computed exactly
     */
    BfloatMatmul(Matmul exact, Elementwise elementwise, Gemm gemm, long small) {
        this.exact = exact;
        this.elementwise = elementwise;
        this.gemm = gemm;
        this.small = small;
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        exact.multiplyRows(a, b, c, epilogue);
    }

    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        long m = c.size(-2);
        long n = c.size(-1);
        long k = a.size(-1);
        if (m <= FEW_ROWS || k == 0 || m * n * k < small || !CpuMatmul.fits(a, b, c, epilogue)) {
            exact.multiply(a, b, c, epilogue);
        } else if (a.rank() > 2) {
            for (long i = 0; i < a.size(0); i++) {
                multiply(a.select(0, i), b.select(0, i), c.select(0, i), epilogue.select(i));
            }
        } else if (n > 0) {
            single(a, b, c, epilogue);
        }
    }

    private void single(View a, View b, View c, Epilogue epilogue) {
        long k = a.size(1);
        Operand left = narrow(a);
        Operand right = operand(b, CpuMatmul.SLOT + 1);
        MemorySegment out = c.buffer().memory();
        long ldc = c.stride(0);
        boolean add = epilogue.accumulate();
        Grid.columns(c.size(0), c.size(1), k).run((row, rowEnd, column, columnEnd) -> {
            Part part = new Part(row, rowEnd, column, columnEnd, out, c.offset(), ldc);
            if (right.dtype() == DType.BF16) {
                multiply(left, 0, right.from(0, column), k, add, part);
            } else {
                panels(left, right, k, add, part);
            }
            part.finish(epilogue);
        });
    }

    /** A part whose weights are rounded a panel at a time, each multiplied by all rows, down the depth. */
    private void panels(Operand a, Operand b, long k, boolean add, Part part) {
        int width = (int) part.columns();
        for (long from = 0; from < k; from += DEPTH) {
            int depth = (int) Math.min(DEPTH, k - from);
            Operand panel = rounded(
                    b.from(from, part.column()),
                    b.transposed() ? width : depth,
                    b.transposed() ? depth : width,
                    Scratch.floats(Scratch.PANEL, halves((long) width * depth)));
            multiply(a, from, panel, depth, add || from > 0, part);
        }
    }

    /** C (+)= A[part's rows, from..from + depth] B for one part. */
    private void multiply(Operand a, long from, Operand b, long depth, boolean add, Part part) {
        gemm.multiply(
                a.from(part.row(), from),
                b,
                part.rows(),
                part.columns(),
                depth,
                add,
                part.c(),
                part.start(),
                part.ldc());
    }

    private static Operand rounded(Operand x, int lines, int length, MemorySegment to) {
        for (int i = 0; i < lines; i++) {
            Narrow.row(x.dtype(), x.memory(), x.offset() + i * x.leading(), to, (long) i * length, length);
        }
        return new Operand(to, DType.BF16, 0, x.transposed(), length);
    }

    /** A rounded copy of a whole operand, made by all threads. */
    private Operand narrow(View x) {
        Operand from = operand(x, CpuMatmul.SLOT);
        long lines = x.size(from.transposed() ? 1 : 0);
        int length = Math.toIntExact(x.size(from.transposed() ? 0 : 1));
        MemorySegment to = Scratch.floats(Scratch.NARROW, halves(lines * length));
        Workers.grains(lines, Math.max(1, GRAIN / length), (line, end) -> {
            for (long i = line; i < end; i++) {
                Narrow.row(from.dtype(), from.memory(), from.offset() + i * from.leading(), to, i * length, length);
            }
        });
        return new Operand(to, DType.BF16, 0, from.transposed(), length);
    }

    /** How many floats take as much memory as that many bfloat16. */
    private static long halves(long elements) {
        return Math.ceilDiv(elements, 2);
    }

    /** The matrix as it lies, or a dense float32 copy where neither stride is 1. */
    private Operand operand(View x, int slot) {
        Operand asItLies = Operand.of(x);
        if (asItLies != null) {
            return asItLies;
        }
        MemorySegment copy = Scratch.floats(slot, x.elements());
        elementwise.copy(x, View.of(Buffer.host(copy), DType.F32, x.shape()));
        return new Operand(copy, DType.F32, 0, false, Math.max(1, x.size(1)));
    }
}
