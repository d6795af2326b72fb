package io.aegis.kernels.cpu;

import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.cpu.x86.TileProduct;
import io.aegis.kernels.cpu.x86.TileProduct.Width;
import java.lang.foreign.MemorySegment;

/**
 * C (+)= alpha A B by machine code, in blocks that fit the caches (Goto and van de Geijn, Anatomy of High-Performance Matrix
 * Multiplication, 2008), both operands packed before:
 *
 * <pre>
 *     for each DEPTH of the sum
 *       for each HEIGHT rows                    A: [HEIGHT, DEPTH] stays in the second cache
 *         for each 16 columns                   B: [DEPTH, 16] stays in the first cache
 *           for each 6 rows                     a tile of C in registers ({@link TileProduct})
 * </pre>
 *
 * <p>An element of C is one chain of multiply-adds for each DEPTH, and the sum of those in their order: parts of a product
 * give the bits of the whole.
 */
final class MachineProduct {
    private static final int DEPTH = 256;
    private static final int HEIGHT = 192;

    private static final int ROWS = TileProduct.ROWS;
    private static final int COLUMNS = TileProduct.COLUMNS;
    /** Of a vector. */
    private static final int LANES = COLUMNS / 2;
    /** Floats that are packed at a time: they should stay in the last cache, or near. */
    private static final long MOST = 1 << 22;
    /** Steps that are packed at a time: so few that many lines go together, and each is packed for many of the other operand. */
    private static final int DEEPEST = 18 * DEPTH;
    /** Columns from which their work is shared out; with fewer, rows. */
    private static final long WIDE = 256;

    private MachineProduct() {}

    /** Cuts lines evenly, into as few panels as may be packed together. */
    static int together(int tall, long lines, int depth) {
        long parts = Math.ceilDiv(lines, Math.max(tall, MOST / depth));
        return (int) (Math.ceilDiv(Math.ceilDiv(lines, parts), tall) * tall);
    }

    /** Some steps of the depth, from one on; {@code first} and {@code last} of a product. */
    @FunctionalInterface
    interface Steps {
        void run(int from, int depth, boolean first, boolean last);
    }

    /** Cuts the depth, by its length alone. */
    static void along(int k, Steps steps) {
        int parts = Math.ceilDiv(k, DEEPEST);
        for (int p = 0; p < parts; p++) {
            int from = (int) ((long) k * p / parts);
            steps.run(from, (int) ((long) k * (p + 1) / parts) - from, p == 0, p == parts - 1);
        }
    }

    /**
     * A whole product by all threads. The operand along whose lines the work is not shared out is packed once for all of
     * them; the other's lines belong to a part each, which is finished with the last step.
     */
    static void multiply(Operand a, RightOperand b, Part all, Epilogue epilogue) {
        boolean add = epilogue.accumulate();
        along(Math.toIntExact(a.columns()), (step, depth, first, last) -> {
            Operand rows = a.from(0, step);
            Epilogue then = last ? epilogue : Epilogue.NONE;
            if (all.columns() >= WIDE) {
                shareColumns(rows, b, step, all, depth, add || !first, then);
            } else {
                shareRows(rows, b, step, all, depth, add || !first, then);
            }
        });
    }

    private static void shareColumns(
            Operand a, RightOperand b, int step, Part all, int depth, boolean add, Epilogue behind) {
        int together = together(ROWS, all.rows(), depth);
        for (long row = 0; row < all.rowEnd(); row += together) {
            long first = row;
            long end = Math.min(all.rowEnd(), row + together);
            MachinePanels packed = MachinePanels.in(Scratch.MACHINE_A, ROWS, (int) (end - row), depth)
                    .packShared(a.from(row, 0), !a.byColumns());
            Grid.columns(end - row, all.columns(), depth).run((_, _, column, columnEnd) -> {
                Part part = new Part(first, end, column, columnEnd, all.c(), all.offset(), all.ldc());
                columns(packed, b, step, part, 1, add);
                part.finish(behind);
            });
        }
    }

    private static void shareRows(
            Operand a, RightOperand b, int step, Part all, int depth, boolean add, Epilogue behind) {
        int columns = (int) all.columns();
        MachinePanels packed = MachinePanels.in(Scratch.MACHINE_B, COLUMNS, columns, depth);
        pack(b, packed, 0, step);
        Grid.columns(columns, all.rows(), depth).run((_, _, row, rowEnd) -> {
            Part part = new Part(row, rowEnd, 0, columns, all.c(), all.offset(), all.ldc());
            int together = together(ROWS, part.rows(), depth);
            for (long i = row; i < rowEnd; i += together) {
                int rows = (int) Math.min(together, rowEnd - i);
                MachinePanels own =
                        MachinePanels.in(Scratch.MACHINE_A, ROWS, rows, depth).pack(a.from(i, 0), !a.byColumns());
                run(own, packed, 1, add, part.rows(i - row, rows));
            }
            part.finish(behind);
        });
    }

    /** A part whose rows are packed, from a step on: its columns of B are now, so many at a time. */
    static void columns(MachinePanels a, RightOperand b, long step, Part part, float alpha, boolean add) {
        int together = together(COLUMNS, part.columns(), a.depth());
        for (long j = part.column(); j < part.columnEnd(); j += together) {
            int columns = (int) Math.min(together, part.columnEnd() - j);
            MachinePanels packed = MachinePanels.in(Scratch.MACHINE_B, COLUMNS, columns, a.depth());
            pack(b, packed, j, step);
            Part of = new Part(part.row(), part.rowEnd(), j, j + columns, part.c(), part.offset(), part.ldc());
            run(a, packed, alpha, add, of);
        }
    }

    /** Packs columns of B from one on, from one step on, by this thread. */
    private static void pack(RightOperand b, MachinePanels columns, long from, long step) {
        switch (b) {
            case RightOperand.AsItLies(Operand operand) -> columns.pack(operand.from(step, from), operand.byColumns());
            case RightOperand.Read read -> columns.pack(read.lines(), read.byColumns(), from, step);
        }
    }

    /** All that is packed, by this thread. */
    private static void run(MachinePanels a, MachinePanels b, float alpha, boolean add, Part c) {
        int k = a.depth();
        int depths = Math.ceilDiv(k, DEPTH);
        Tiles tiles = new Tiles(a, b, factor(alpha, b.lines() % COLUMNS), c);
        for (int p = 0; p < depths; p++) {
            int l = (int) ((long) k * p / depths);
            int depth = (int) ((long) k * (p + 1) / depths) - l;
            for (int i = 0; i < a.lines(); i += HEIGHT) {
                int rows = Math.min(HEIGHT, a.lines() - i);
                for (int j = 0; j < b.lines(); j += COLUMNS) {
                    tiles.column(i, rows, j, l, depth, add || p > 0);
                }
            }
        }
    }

    /** What tiles read beside their operands: alpha, and which lanes of the last vector are there. */
    private static MemorySegment factor(float alpha, int last) {
        MemorySegment factor = Scratch.floats(Scratch.MACHINE_FACTOR, TileProduct.MASK + LANES);
        Lanes.set(factor, 0, alpha);
        MemorySegment.copy(
                MachineCode.mask(last > LANES ? last - LANES : last),
                0,
                factor,
                TileProduct.MASK * Float.BYTES,
                LANES * Float.BYTES);
        return factor;
    }

    /** Tiles of one product of what is packed. */
    private record Tiles(MachinePanels a, MachinePanels b, MemorySegment factor, Part c) {
        /** Up to sixteen columns from j on of some rows from i on: whole tiles, and a lower one. */
        void column(int i, int rows, int j, int l, int depth, boolean add) {
            int whole = rows / ROWS;
            int rest = rows % ROWS;
            if (whole > 0) {
                call(i, ROWS, whole, j, l, depth, add);
            }
            if (rest > 0) {
                call(i + whole * ROWS, rest, 1, j, l, depth, add);
            }
        }

        /** So many tiles of so many rows, one below the other, by {@code depth} steps from step l on. */
        private void call(int i, int rows, int count, int j, int l, int depth, boolean add) {
            int columns = Math.min(COLUMNS, b.lines() - j);
            long last = (long) rows * count - 1;
            long apart = a.stride() << 2;
            long at = c.start() + i * c.ldc() + j;
            MachineCode.tile(rows, add, Width.of(columns))
                    .call(
                            a.data().asSlice(a.at(i, l), (count - 1) * apart + (long) ROWS * depth * Float.BYTES),
                            b.data().asSlice(b.at(j, l), (long) COLUMNS * depth * Float.BYTES),
                            c.c().asSlice(at << 2, (last * c.ldc() + columns) << 2),
                            factor,
                            depth,
                            c.ldc() << 2,
                            count,
                            apart);
        }
    }
}
