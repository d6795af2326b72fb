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
    /** Bytes of a panel's column: with a part's columns, what the second-level cache holds. */
    private static final long DEPTH_BYTES = 4096;
    /** Columns of a part of 16-bit operands: fewer and deeper panels than of floats, so that C is added to half as often (NOTES). */
    private static final long NARROW = 384;

    private SharedProduct() {}

    /** As {@link Gemm#multiplyShared}. */
    static void run(Gemm product, Operand a, RightOperand b, Part c, Epilogue epilogue) {
        long k = a.columns();
        boolean add = epilogue.accumulate();
        grid(b, c, k).run((row, rowEnd, column, columnEnd) -> {
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

    /** Floats as they lie are cut along both sides; what is converted belongs to one part. */
    private static Grid grid(RightOperand b, Part c, long k) {
        return switch (b) {
            case AsItLies(Operand all) when all.dtype() == DType.F32 -> Grid.of(c.rows(), c.columns(), k);
            case Read read when read.to() == DType.F32 -> Grid.columns(c.rows(), c.columns(), k);
            default -> Grid.columns(c.rows(), c.columns(), k, NARROW);
        };
    }

    /** A part by panels of its columns, down the depth; what is behind the product comes with the last. */
    private static void panels(Gemm product, Operand a, Read b, Part part, Epilogue epilogue) {
        long k = a.columns();
        int width = (int) part.columns();
        long deepest = Math.min(k, DEPTH_BYTES / b.to().bytes());
        long bytes = width * deepest * b.to().bytes();
        MemorySegment memory = Scratch.floats(Scratch.PANEL, Math.ceilDiv(bytes, Float.BYTES));
        for (long from = 0; from < k; from += deepest) {
            int depth = (int) Math.min(deepest, k - from);
            Operand panel = b.panel(from, depth, part.column(), width, memory);
            Epilogue behind = from + depth == k ? epilogue : Epilogue.NONE;
            product.multiply(a.columns(from, depth), panel, epilogue.accumulate() || from > 0, part, behind);
        }
    }
}
