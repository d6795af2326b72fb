package io.aegis.kernels.cpu;

import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;

/**
 * Products whose operands are rounded to bfloat16, with sums in float32: up to 2^-8 of relative error an operand. Weights that are
 * bfloat16 are read as they lie; other ones are rounded a panel at a time, each once; float32 masters stay as they are. Single
 * rows, a few rows, and products too small to gain anything are computed exactly, by float32's kernels.
 */
final class BfloatMatmul implements Matmul {
    /** Rows that wait for memory, whatever multiplies them. */
    private static final long FEW_ROWS = 8;
    /** Elements that a thread rounds at a time. */
    private static final long GRAIN = 1 << 16;

    private final Matmul exact;
    private final Elementwise elementwise;
    private final Gemm product;
    private final long small;

    /**
     * @param exact what computes the rest
     * @param product of bfloat16 operands
     * @param small products of fewer multiply-adds are computed exactly
     */
    BfloatMatmul(Matmul exact, Elementwise elementwise, Gemm product, long small) {
        this.exact = exact;
        this.elementwise = elementwise;
        this.product = product;
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
        Operand left = rounded(Operand.of(a, elementwise, CpuMatmul.SLOT));
        Operand right = Operand.of(b, elementwise, CpuMatmul.SLOT + 1);
        product.multiplyShared(
                left, RightOperand.rounded(right), epilogue.accumulate(), Part.all(c), part -> part.finish(epilogue));
    }

    /** A rounded copy of a whole operand, made by all threads. */
    private static Operand rounded(Operand x) {
        Operand copy = x.roundedAt(Scratch.NARROW);
        Workers.grains(x.lines(), Math.max(1, GRAIN / x.length()), (from, end) -> copy.round(x, from, end));
        return copy;
    }
}
