package io.aegis.kernels.cpu;

/**
 * C (+)= A B in blocks that fit the caches (Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008),
 * A packed before, B as it goes along:
 *
 * <pre>
 *     for each WIDTH columns of C
 *       for each DEPTH of the sum                        B: [DEPTH, WIDTH] is packed, and stays in the last cache
 *         for each HEIGHT rows of C                      A: [HEIGHT, DEPTH] stays in the second cache
 *           for each {@link Tile#COLUMNS}                        B: [DEPTH, COLUMNS] stays in the first cache
 *             for each {@link Tile#ROWS}                         a tile of C in registers
 * </pre>
 *
 * <p>An element of C is one chain of multiply-adds for each DEPTH, and the sum of those in their order, whatever rows and
 * columns are computed with it: parts of a product give the bits of the whole.
 */
final class PanelProduct {
    private static final int DEPTH = 384;
    private static final int HEIGHT = 96;
    private static final int WIDTH = 768;

    private PanelProduct() {}

    /** C (+)= A B; C has as many rows as A. */
    static void run(PackedRows a, Operand b, boolean add, Part c) {
        int k = a.depth();
        int columns = Math.toIntExact(b.columns());
        int depths = Math.ceilDiv(k, DEPTH);
        float[] packed = Scratch.array(Scratch.PACKED_COLUMNS, WIDTH * Math.min(k, DEPTH));
        for (int j = 0; j < columns; j += WIDTH) {
            int width = Math.min(WIDTH, columns - j);
            for (int p = 0; p < depths; p++) {
                int l = (int) ((long) k * p / depths);
                int depth = (int) ((long) k * (p + 1) / depths) - l;
                Panels.pack(b.from(l, j), b.byColumns(), depth, width, Tile.COLUMNS, 1, packed);
                Columns right = new Columns(packed, j, width, l, depth);
                for (int i = 0; i < a.rows(); i += HEIGHT) {
                    block(a, i, Math.min(a.rows(), i + HEIGHT), right, add || p > 0, c);
                }
            }
        }
    }

    /** Packed columns of B from {@code first} on, by {@code depth} steps from {@code step} on. */
    private record Columns(float[] data, int first, int width, int step, int depth) {}

    private static void block(PackedRows a, int from, int end, Columns b, boolean add, Part c) {
        float[] sums = Scratch.array(Scratch.TILE, Tile.ROWS * Tile.COLUMNS);
        for (int j = 0; j < b.width; j += Tile.COLUMNS) {
            int columns = Math.min(Tile.COLUMNS, b.width - j);
            for (int i = from; i < end; i += Tile.ROWS) {
                Tile.multiply(a.data(), a.at(i, b.step), b.data, j * b.depth, b.depth, sums);
                long at = c.start() + i * c.ldc() + b.first + j;
                Tile.deliver(sums, Math.min(Tile.ROWS, end - i), columns, add, c.c(), at, c.ldc());
            }
        }
    }
}
