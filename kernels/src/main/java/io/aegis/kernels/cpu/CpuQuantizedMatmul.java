package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.kernels.cpu.MachinePanels.Wide;
import java.lang.foreign.MemorySegment;

/**
 * Products with weights of 8 and 4 bits. Few rows read them once, and widen them in registers ({@link Columns}); for many a
 * panel of them is widened into scratch memory, once, and multiplied by all rows with {@link Sgemm}.
 */
final class CpuQuantizedMatmul implements QuantizedMatmul {
    /** The slot of scratch memory for rows that cannot be read as they lie. */
    private static final int SLOT = 6;
    /** Depth of a panel: with a part's columns, what the second-level cache holds. */
    private static final long DEPTH = 1024;
    /** Rows that one reading of a weight serves. */
    private static final int TOGETHER = 8;

    private final QuantizedMatmul plain;
    private final Elementwise elementwise;
    private final Sgemm sgemm;

    CpuQuantizedMatmul(QuantizedMatmul plain, Elementwise elementwise, Sgemm sgemm) {
        this.plain = plain;
        this.elementwise = elementwise;
        this.sgemm = sgemm;
    }

    @Override
    public void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        if (!fits(x, y, epilogue)) {
            plain.multiply(x, w, y, epilogue);
        } else if (y.size(0) <= TOGETHER) {
            multiplyRows(x, w, y, epilogue);
        } else if (y.elements() > 0) {
            Operand left = Operand.of(x, elementwise, SLOT);
            long k = w.columns();
            if (sgemm instanceof MachineGemm) {
                product(left, w, true, y, k, epilogue);
                return;
            }
            Grid.columns(y.size(0), w.rows(), k).run((row, rowEnd, column, columnEnd) -> {
                Part part = part(y, row, rowEnd, column, columnEnd);
                MemorySegment panel = Scratch.floats(Scratch.PANEL, part.columns() * Math.min(k, DEPTH));
                for (long from = 0; from < k; from += DEPTH) {
                    int depth = (int) Math.min(DEPTH, k - from);
                    for (long n = column; n < columnEnd; n++) {
                        QuantizedRows.widen(w, n, from, depth, panel, (n - column) * depth);
                    }
                    Operand right = Operand.panel(panel, true, from, column, depth, part.columns());
                    part.multiply(sgemm, left, right, from, depth, epilogue.accumulate() || from > 0);
                }
                part.finish(epilogue);
            });
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
        Operand left = any.transposed() ? Operand.dense(x, elementwise, SLOT) : any;
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
        Grid.ofRows(y.size(1), k).run((row, rowEnd, column, columnEnd) -> {
            Part part = part(y, 0, m, column, columnEnd);
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
        if (x.elements() == 0) {
            return;
        }
        Operand left = Operand.of(y, elementwise, SLOT);
        long n = w.rows();
        if (sgemm instanceof MachineGemm && n > 0) {
            product(left, w, false, x, n, accumulate ? Epilogue.ACCUMULATE : Epilogue.NONE);
            return;
        }
        Grid.columns(x.size(0), w.columns(), n).run((row, rowEnd, column, columnEnd) -> {
            Part part = part(x, row, rowEnd, column, columnEnd);
            int width = (int) part.columns();
            if (n == 0 && !accumulate) {
                part.clear();
            }
            MemorySegment panel = Scratch.floats(Scratch.PANEL, width * Math.min(n, DEPTH));
            for (long from = 0; from < n; from += DEPTH) {
                long depth = Math.min(DEPTH, n - from);
                for (long l = 0; l < depth; l++) {
                    QuantizedRows.widen(w, from + l, column, width, panel, l * width);
                }
                Operand right = Operand.panel(panel, false, from, column, depth, width);
                part.multiply(sgemm, left, right, from, depth, accumulate || from > 0);
            }
        });
    }

    /** By machine code, weights widened while they are packed. */
    private static void product(Operand left, QuantizedWeight w, boolean ofLines, View y, long k, Epilogue epilogue) {
        Wide rows = (row, from, count, to, at) -> QuantizedRows.widen(w, row, from, count, to, at);
        Part all = part(y, 0, y.size(0), 0, y.size(1));
        MachineProduct.multiply(
                left,
                (columns, from, step) -> columns.pack(rows, ofLines, from, step),
                all,
                Math.toIntExact(k),
                epilogue.accumulate(),
                part -> part.finish(epilogue));
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

    private static Part part(View y, long row, long rowEnd, long column, long columnEnd) {
        long ldc = y.size(0) == 1 ? y.size(1) : y.stride(0);
        return new Part(row, rowEnd, column, columnEnd, y.buffer().memory(), y.offset(), ldc);
    }

    private static boolean fits(View x, View y, Epilogue epilogue) {
        return x.dtype() == DType.F32 && CpuMatmul.fits(y, epilogue);
    }
}
