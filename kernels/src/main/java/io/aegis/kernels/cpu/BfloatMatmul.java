package io.aegis.kernels.cpu;

import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.util.List;

/**
 * Products whose operands are rounded to bfloat16, with sums in float32: up to 2^-8 of relative error an operand. Weights that are
 * bfloat16 are read as they lie; other ones are rounded a panel at a time, each once; float32 masters stay as they are. Single
 * rows, a few rows, and products too small to gain anything are computed exactly, by float32's kernels.
 */
final class BfloatMatmul implements Matmul {
    /** Rows that wait for memory, whatever multiplies them. */
    private static final long FEW_ROWS = 8;

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
        multiply(a, List.of(new Right(b, c, epilogue)));
    }

    @Override
    public void multiply(View a, List<Right> rights) {
        Operand left = null;
        for (Right r : rights) {
            if (CpuMatmul.isByColumns(a, r.b(), r.c(), r.epilogue())) {
                multiply(r.b().transpose(-1, -2), a.transpose(-1, -2), r.c().transpose(-1, -2), r.epilogue());
            } else if (!isRounded(a, r)) {
                exact.multiply(a, r.b(), r.c(), r.epilogue());
            } else if (a.rank() > 2) {
                for (long i = 0; i < a.size(0); i++) {
                    multiply(
                            a.select(0, i),
                            r.b().select(0, i),
                            r.c().select(0, i),
                            r.epilogue().select(i));
                }
            } else if (r.c().size(1) > 0) {
                if (left == null) {
                    left = Operand.of(a, elementwise, CpuMatmul.SLOT).roundedShared(Scratch.NARROW);
                }
                Operand right = Operand.of(r.b(), elementwise, CpuMatmul.SLOT + 1);
                product.multiplyShared(left, RightOperand.rounded(right), Part.all(r.c()), r.epilogue());
            }
        }
    }

    private boolean isRounded(View a, Right r) {
        return gains(r.c().size(-2), r.c().size(-1), a.size(-1), small)
                && CpuMatmul.fits(a, r.b(), r.c(), r.epilogue());
    }

    /** Whether a product of [m, k] and [k, n] is worth rounding, where one of fewer than {@code small} multiply-adds is not. */
    static boolean gains(long m, long n, long k, long small) {
        return m > FEW_ROWS && k > 0 && m * n * k >= small;
    }
}
