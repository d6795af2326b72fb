package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Products with weights of 8 and 4 bits. Few rows read them once, and widen them in registers ({@link Columns}); for many a
 * panel of them is widened into scratch memory, once, and multiplied by all rows with a {@link Gemm}.
 */
final class CpuQuantizedMatmul implements QuantizedMatmul {
    /** The slot of scratch memory for rows that cannot be read as they lie. */
    private static final int SLOT = 6;
    /** Rows that one reading of a weight serves. */
    private static final int TOGETHER = 8;

    private final QuantizedMatmul plain;
    private final Elementwise elementwise;
    private final Gemm product;

    CpuQuantizedMatmul(QuantizedMatmul plain, Elementwise elementwise, Gemm product) {
        this.plain = plain;
        this.elementwise = elementwise;
        this.product = product;
    }

    @Override
    public void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        if (!fits(x, y, epilogue)) {
            plain.multiply(x, w, y, epilogue);
        } else if (y.size(0) <= TOGETHER) {
            multiplyRows(x, w, y, epilogue);
        } else if (y.elements() > 0) {
            Operand left = Operand.of(x, elementwise, SLOT);
            product.multiplyShared(left, RightOperand.of(w, true), all(y), epilogue);
        }
    }

    @Override
    public void multiplyRows(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        if (!fits(x, y, epilogue)) {
            plain.multiplyRows(x, w, y, epilogue);
            return;
        }
        for (long row = 0; row < y.size(0) && y.elements() > 0; row += TOGETHER) {
            long end = Math.min(y.size(0), row + TOGETHER);
            rows(x.slice(0, row, end), w, y.slice(0, row, end), epilogue.rows(row, end));
        }
    }

    private void rows(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        int m = (int) y.size(0);
        int k = (int) x.size(1);
        Operand any = Operand.of(x, elementwise, SLOT);
        Operand left = any.byColumns() ? Operand.dense(x, elementwise, SLOT) : any;
        boolean weights = MachineRows.fits(w);
        boolean machine = weights && MachineRows.fits(left, m, w);
        if (m > 1 && weights && !machine) {
            // One by one: how a row is computed must not depend on the others.
            for (long i = 0; i < m; i++) {
                rows(x.slice(0, i, i + 1), w, y.slice(0, i, i + 1), epilogue.rows(i, i + 1));
            }
            return;
        }
        FewRows rows = machine
                ? MachineRows.of(left, m, w)
                : FewRows.of(left, m, k, w.format() == Format.INT8 ? Int8Columns.of(w) : Int4Columns.of(w));
        Part all = all(y);
        Grid.ofRows(y.size(1), k).run((row, rowEnd, column, columnEnd) -> {
            Part part = new Part(0, m, column, columnEnd, all.c(), all.offset(), all.ldc());
            rows.multiply(epilogue.accumulate(), part);
            part.finish(epilogue);
        });
    }

    @Override
    public void multiplyTransposed(View y, QuantizedWeight w, View x, boolean accumulate) {
        if (!fits(y, x, Epilogue.NONE)) {
            plain.multiplyTransposed(y, w, x, accumulate);
            return;
        }
        if (x.elements() > 0) {
            Operand left = Operand.of(y, elementwise, SLOT);
            product.multiplyShared(
                    left, RightOperand.of(w, false), all(x), accumulate ? Epilogue.ACCUMULATE : Epilogue.NONE);
        }
    }

    @Override
    public void widen(QuantizedWeight w, View out) {
        if (out.dtype() != DType.F32) {
            plain.widen(w, out);
            return;
        }
        int k = (int) w.columns();
        MemorySegment to = out.buffer().memory();
        boolean dense = out.stride(1) == 1;
        Workers.grains(w.rows(), Math.max(1, (1 << 14) / k), (from, end) -> {
            for (long n = from; n < end; n++) {
                MemorySegment row = dense ? to : Scratch.floats(Scratch.ROW, k);
                QuantizedRows.widen(w, n, 0, k, row, dense ? out.index(n, 0) : 0);
                for (int i = 0; !dense && i < k; i++) {
                    Lanes.set(to, out.index(n, i), Lanes.get(row, i));
                }
            }
        });
    }

    private static Part all(View y) {
        long ldc = y.size(0) == 1 ? y.size(1) : y.stride(0);
        return Part.all(y.size(0), y.size(1), y.buffer().memory(), y.offset(), ldc);
    }

    private static boolean fits(View x, View y, Epilogue epilogue) {
        return x.dtype() == DType.F32 && CpuMatmul.fits(y, epilogue);
    }
}
