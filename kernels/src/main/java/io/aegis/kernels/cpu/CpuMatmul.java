package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Matrix products of floats: of many rows by a {@link Gemm}, which widens half-precision weights a panel at a time, bias and
 * activation while a part is in the cache. A product of a single row reads its matrix once, whoever else is in the batch, and is a loop of its own.
 */
final class CpuMatmul implements Matmul {
    /** The first of two slots of scratch memory for operands that BLAS cannot read as they lie. */
    static final int SLOT = 6;
    /** Rows that one reading of a weight serves in {@link #multiplyRows}. */
    private static final int TOGETHER = 8;

    private final Matmul plain;
    private final Elementwise elementwise;
    private final Gemm product;

    CpuMatmul(Matmul plain, Elementwise elementwise, Gemm product) {
        this.plain = plain;
        this.elementwise = elementwise;
        this.product = product;
    }

    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        if (isByColumns(a, b, c, epilogue)) {
            multiply(b.transpose(-1, -2), a.transpose(-1, -2), c.transpose(-1, -2), epilogue);
            return;
        }
        if (!fits(a, b, c, epilogue)) {
            plain.multiply(a, b, c, epilogue);
            return;
        }
        if (a.rank() == 2) {
            if (c.elements() > 0) {
                single(a, b, c, epilogue);
            }
            return;
        }
        for (long i = 0; i < a.size(0); i++) {
            multiply(a.select(0, i), b.select(0, i), c.select(0, i), epilogue.select(i));
        }
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        if (!fits(a, b, c, epilogue)) {
            plain.multiplyRows(a, b, c, epilogue);
            return;
        }
        if (a.rank() > 2) {
            for (long i = 0; i < a.size(0); i++) {
                multiplyRows(a.select(0, i), b.select(0, i), c.select(0, i), epilogue.select(i));
            }
            return;
        }
        for (long row = 0; row < a.size(0) && c.elements() > 0; row += TOGETHER) {
            long end = Math.min(a.size(0), row + TOGETHER);
            rows(a.slice(0, row, end), b, c.slice(0, row, end), epilogue.rows(row, end));
        }
    }

    /** Whether these loops, and not the plain kernels, can compute it. */
    static boolean fits(View a, View b, View c, Epilogue epilogue) {
        boolean weights = b.dtype() == DType.F32 || b.dtype() == DType.F16 || b.dtype() == DType.BF16;
        return a.dtype() == DType.F32 && weights && fits(c, epilogue);
    }

    /** Whether the result is stored by columns, as a transposed weight's gradient is, so that its transpose can be computed. */
    static boolean isByColumns(View a, View b, View c, Epilogue epilogue) {
        return c.rank() > 1 && !isRows(c) && epilogue.isNothing() && fits(b, a, c.transpose(-1, -2), epilogue);
    }

    /** Whether {@link Part} can finish it. */
    static boolean fits(View c, Epilogue epilogue) {
        View bias = epilogue.bias();
        return isRows(c)
                && (bias == null || bias.dtype() == DType.F32 && bias.isContiguous())
                && (epilogue.other() == null || isRows(epilogue.other()));
    }

    private static boolean isRows(View v) {
        return v.dtype() == DType.F32 && (v.size(-1) <= 1 || v.stride(-1) == 1);
    }

    private void single(View a, View b, View c, Epilogue epilogue) {
        long m = c.size(0);
        long n = c.size(1);
        Operand right = Operand.of(b, elementwise, SLOT + 1);
        // A few rows are not worth a panel of widened weights.
        if (m == 1 || m <= TOGETHER && right.isHalf() && right.byColumns()) {
            rows(a, b, c, epilogue);
            return;
        }
        Operand left = Operand.of(a, elementwise, SLOT);
        Part all = Part.all(m, n, c.buffer().memory(), c.offset(), c.stride(0));
        product.multiplyShared(left, RightOperand.of(right), all, epilogue);
    }

    /** Rows that do not know of each other; B is read once for all of them where it is stored by columns. */
    private void rows(View a, View b, View c, Epilogue epilogue) {
        int m = (int) c.size(0);
        long n = c.size(1);
        int k = (int) a.size(1);
        Operand right = Operand.of(b, elementwise, SLOT + 1);
        Operand any = Operand.of(a, elementwise, SLOT);
        Operand left = any.byColumns() ? Operand.dense(a, elementwise, SLOT) : any;
        MemorySegment out = c.buffer().memory();
        long ldc = m == 1 ? n : c.stride(0);
        boolean add = epilogue.accumulate();
        FewRows x = !right.byColumns()
                ? null
                : MachineRows.fits(right, k)
                        ? MachineRows.of(left, m, right, k, n)
                        : FewRows.of(left, m, k, RowProducts.columns(right));
        Grid.ofRows(n, k).run((row, rowEnd, column, columnEnd) -> {
            Part part = new Part(0, m, column, columnEnd, out, c.offset(), ldc);
            if (x != null) {
                x.multiply(add, part);
            } else {
                RowProducts.sums(left, right, k, add, part);
            }
            part.finish(epilogue);
        });
    }
}
