package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.cpu.RightOperand.AsItLies;
import io.aegis.kernels.cpu.RightOperand.Read;
import java.lang.foreign.MemorySegment;

/**
 * A product by all threads, cut by a {@link Grid} into parts of one thread each. A right operand that has to be converted is,
 * a panel at a time, each panel once.
 */
final class SharedProduct {
    /** Depth of a panel: with a part's columns, what the second-level cache holds. */
    private static final long DEPTH = 1024;

    private SharedProduct() {}

    /** As {@link Gemm#multiplyShared}. */
    static void run(Gemm product, Operand a, RightOperand b, Part c, Epilogue epilogue) {
        long k = a.columns();
        boolean add = epilogue.accumulate();
        boolean floats = b instanceof AsItLies(Operand operand) && operand.dtype() == DType.F32;
        Grid grid = floats ? Grid.of(c.rows(), c.columns(), k) : Grid.columns(c.rows(), c.columns(), k);
        grid.run((row, rowEnd, column, columnEnd) -> {
            Part part = new Part(row, rowEnd, column, columnEnd, c.c(), c.offset(), c.ldc());
            Operand rows = a.rows(row, part.rows());
            if (k > 0) {
                switch (b) {
                    case AsItLies(Operand all) ->
                        product.multiply(rows, all.columns(column, part.columns()), add, part, epilogue);
                    case Read read -> panels(product, rows, read, part, epilogue);
                }
            } else {
                if (!add) {
                    part.clear();
                }
                part.finish(epilogue);
            }
        });
    }

    /** A part by panels of its columns, down the depth; what is behind the product comes with the last. */
    private static void panels(Gemm product, Operand a, Read b, Part part, Epilogue epilogue) {
        long k = a.columns();
        int width = (int) part.columns();
        long bytes = width * Math.min(k, DEPTH) * b.to().bytes();
        MemorySegment memory = Scratch.floats(Scratch.PANEL, Math.ceilDiv(bytes, Float.BYTES));
        for (long from = 0; from < k; from += DEPTH) {
            int depth = (int) Math.min(DEPTH, k - from);
            Operand panel = b.panel(from, depth, part.column(), width, memory);
            Epilogue behind = from + depth == k ? epilogue : Epilogue.NONE;
            product.multiply(a.columns(from, depth), panel, epilogue.accumulate() || from > 0, part, behind);
        }
    }
}
