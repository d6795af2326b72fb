package io.aegis.kernels.cpu;

import io.aegis.kernels.cpu.MachinePanels.Wide;
import io.aegis.kernels.cpu.x86.TileProduct;
import io.aegis.kernels.cpu.x86.TileProduct.Width;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

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

    /** The right operand, packed so many columns and steps at a time. */
    @FunctionalInterface
    interface Right {
        /** Packs the columns from one on, from one step on, by this thread. */
        void pack(MachinePanels columns, long from, long step);

        static Right of(Operand b) {
            if (!b.isHalf()) {
                return (columns, from, step) -> columns.pack(b.from(step, from), b.transposed());
            }
            Wide rows = (row, from, count, to, at) ->
                    Widen.row(b.dtype(), b.memory(), b.offset() + row * b.leading() + from, to, at, count);
            return (columns, from, step) -> columns.pack(rows, b.transposed(), from, step);
        }
    }

    /**
     * A whole product by all threads. The operand along whose lines the work is not shared out is packed once for all of
     * them; the other's lines belong to a part each.
     *
     * @param finish what is done with every part when its product is there
     */
    static void multiply(Operand a, Right b, Part all, int k, boolean add, Consumer<Part> finish) {
        along(k, (step, depth, first, last) -> {
            Operand rows = a.from(0, step);
            Consumer<Part> then = last ? finish : part -> {};
            if (all.columns() >= WIDE) {
                shareColumns(rows, b, step, all, depth, add || !first, then);
            } else {
                shareRows(rows, b, step, all, depth, add || !first, then);
            }
        });
    }

    private static void shareColumns(
            Operand a, Right b, int step, Part all, int depth, boolean add, Consumer<Part> finish) {
        int together = together(ROWS, all.rows(), depth);
        for (long row = 0; row < all.rowEnd(); row += together) {
            long first = row;
            long end = Math.min(all.rowEnd(), row + together);
            MachinePanels packed = MachinePanels.in(Scratch.MACHINE_A, ROWS, (int) (end - row), depth)
                    .packShared(a.from(row, 0), !a.transposed());
            Grid.columns(end - row, all.columns(), depth).run((_, _, column, columnEnd) -> {
                Part part = new Part(first, end, column, columnEnd, all.c(), all.offset(), all.ldc());
                columns(packed, b, step, part, 1, add);
                finish.accept(part);
            });
        }
    }

    private static void shareRows(
            Operand a, Right b, int step, Part all, int depth, boolean add, Consumer<Part> finish) {
        int columns = (int) all.columns();
        MachinePanels packed = MachinePanels.in(Scratch.MACHINE_B, COLUMNS, columns, depth);
        b.pack(packed, 0, step);
        Grid.columns(columns, all.rows(), depth).run((_, _, row, rowEnd) -> {
            Part part = new Part(row, rowEnd, 0, columns, all.c(), all.offset(), all.ldc());
            int together = together(ROWS, part.rows(), depth);
            for (long i = row; i < rowEnd; i += together) {
                int rows = (int) Math.min(together, rowEnd - i);
                MachinePanels own =
                        MachinePanels.in(Scratch.MACHINE_A, ROWS, rows, depth).pack(a.from(i, 0), !a.transposed());
                run(own, packed, 1, add, part.c(), part.offset() + i * part.ldc(), part.ldc());
            }
            finish.accept(part);
        });
    }

    /** A part whose rows are packed, from a step on: its columns of B are now, so many at a time. */
    static void columns(MachinePanels a, Right b, long step, Part part, float alpha, boolean add) {
        int together = together(COLUMNS, part.columns(), a.depth());
        for (long j = part.column(); j < part.columnEnd(); j += together) {
            int columns = (int) Math.min(together, part.columnEnd() - j);
            MachinePanels packed = MachinePanels.in(Scratch.MACHINE_B, COLUMNS, columns, a.depth());
            b.pack(packed, j, step);
            run(a, packed, alpha, add, part.c(), part.start() + j - part.column(), part.ldc());
        }
    }

    /** All that is packed, by this thread. */
    static void run(MachinePanels a, MachinePanels b, float alpha, boolean add, MemorySegment c, long at, long ldc) {
        int k = a.depth();
        int depths = Math.ceilDiv(k, DEPTH);
        int last = b.lines() % COLUMNS;
        MemorySegment factor = Scratch.floats(Scratch.MACHINE_FACTOR, TileProduct.MASK + LANES);
        Lanes.set(factor, 0, alpha);
        MemorySegment.copy(
                MachineCode.mask(last > LANES ? last - LANES : last),
                0,
                factor,
                TileProduct.MASK * Float.BYTES,
                LANES * Float.BYTES);
        for (int p = 0; p < depths; p++) {
            int l = (int) ((long) k * p / depths);
            int depth = (int) ((long) k * (p + 1) / depths) - l;
            boolean more = add || p > 0;
            for (int i = 0; i < a.lines(); i += HEIGHT) {
                int rows = Math.min(HEIGHT, a.lines() - i);
                for (int j = 0; j < b.lines(); j += COLUMNS) {
                    int columns = Math.min(COLUMNS, b.lines() - j);
                    tiles(a, i, rows, b, j, columns, l, depth, factor, more, c, at + i * ldc + j, ldc);
                }
            }
        }
    }

    /** Up to sixteen columns of some rows: whole tiles, and a lower one. */
    private static void tiles(
            MachinePanels a,
            int i,
            int rows,
            MachinePanels b,
            int j,
            int columns,
            int l,
            int depth,
            MemorySegment factor,
            boolean add,
            MemorySegment c,
            long at,
            long ldc) {
        int whole = rows / ROWS;
        int rest = rows % ROWS;
        if (whole > 0) {
            tiles(ROWS, whole, a, i, b, j, columns, l, depth, factor, add, c, at, ldc);
        }
        if (rest > 0) {
            int from = whole * ROWS;
            tiles(rest, 1, a, i + from, b, j, columns, l, depth, factor, add, c, at + from * ldc, ldc);
        }
    }

    private static void tiles(
            int rows,
            int count,
            MachinePanels a,
            int i,
            MachinePanels b,
            int j,
            int columns,
            int l,
            int depth,
            MemorySegment factor,
            boolean add,
            MemorySegment c,
            long at,
            long ldc) {
        long last = (long) rows * count - 1;
        long apart = a.stride() << 2;
        MachineCode.tile(rows, add, Width.of(columns))
                .call(
                        a.data().asSlice(a.at(i, l), (count - 1) * apart + (long) ROWS * depth * Float.BYTES),
                        b.data().asSlice(b.at(j, l), (long) COLUMNS * depth * Float.BYTES),
                        c.asSlice(at << 2, (last * ldc + columns) << 2),
                        factor,
                        depth,
                        ldc << 2,
                        count,
                        apart);
    }
}
