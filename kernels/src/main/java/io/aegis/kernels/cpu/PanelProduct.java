package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;

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

    /**
     * All rows of A times the first columns of B.
     *
     * @param columns of B and of C
     * @param offset of C's first element
     */
    static void run(PackedRows a, Operand b, int columns, boolean add, MemorySegment c, long offset, long ldc) {
        int k = a.depth();
        int depths = Math.ceilDiv(k, DEPTH);
        float[] packed = Scratch.array(Scratch.PACKED_COLUMNS, WIDTH * Math.min(k, DEPTH));
        for (int j = 0; j < columns; j += WIDTH) {
            int width = Math.min(WIDTH, columns - j);
            for (int p = 0; p < depths; p++) {
                int l = (int) ((long) k * p / depths);
                int depth = (int) ((long) k * (p + 1) / depths) - l;
                Panels.pack(b.from(l, j), b.transposed(), depth, width, Tile.COLUMNS, 1, packed);
                for (int i = 0; i < a.rows(); i += HEIGHT) {
                    int end = Math.min(a.rows(), i + HEIGHT);
                    block(a, i, end, l, packed, width, depth, add || p > 0, c, offset + j, ldc);
                }
            }
        }
    }

    private static void block(
            PackedRows a,
            int from,
            int end,
            int l,
            float[] b,
            int width,
            int depth,
            boolean add,
            MemorySegment c,
            long offset,
            long ldc) {
        float[] sums = Scratch.array(Scratch.TILE, Tile.ROWS * Tile.COLUMNS);
        for (int j = 0; j < width; j += Tile.COLUMNS) {
            int columns = Math.min(Tile.COLUMNS, width - j);
            for (int i = from; i < end; i += Tile.ROWS) {
                Tile.multiply(a.data(), a.at(i, l), b, j * depth, depth, sums);
                Tile.deliver(sums, Math.min(Tile.ROWS, end - i), columns, add, c, offset + i * ldc + j, ldc);
            }
        }
    }
}
