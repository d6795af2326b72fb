package io.aegis.kernels.cuda;

import java.util.List;

/**
 * How a product is cut: into which tiles of c, and K into how many parts, each a block. Chosen by shapes and device alone, so
 * that equal products are equal to the bit.
 *
 * @param part of K; the last may be smaller
 */
record Tiling(Tile tile, int part, int parts) {
    /** A part is a multiple of it, as of every tile's depth. */
    private static final int GRAIN = 64;

    private static final int LEAST_PART = 256;
    private static final int MOST_PARTS = 32;
    /** Clocks until a block's first tile has arrived. */
    private static final double START = 2000;
    /** Clocks for one more launch. */
    private static final double LAUNCH = 4000;
    /** Bytes a clock of all memory. */
    private static final double MEMORY = 1500;
    /** What a multiprocessor loses that has but a few of the blocks it could hold. */
    private static final double LONELY = 0.5;

    /**
     * A kernel's block.
     *
     * @param m rows of c, beside {@code n} columns
     * @param shared bytes of dynamic shared memory
     * @param resident blocks that a multiprocessor holds at a time
     * @param rate multiply-adds a clock of a full multiprocessor; what counts is how tiles compare
     */
    record Tile(Entry kernel, int m, int n, int threads, int shared, int resident, double rate) {
        long blocks(long rows, long columns) {
            return Math.ceilDiv(rows, m) * Math.ceilDiv(columns, n);
        }
    }

    /** k rounded up to where a part may begin. */
    static long whole(long k) {
        return Math.ceilDiv(k, GRAIN) * (long) GRAIN;
    }

    static Tiling of(List<Tile> tiles, int multiprocessors, long m, long n, long k, long batches) {
        Tiling best = null;
        double least = Double.POSITIVE_INFINITY;
        for (Tile tile : tiles) {
            for (int parts = 1; parts <= MOST_PARTS; parts++) {
                long part = parts == 1 ? k : whole(Math.ceilDiv(k, parts));
                if (parts > 1 && (part < LEAST_PART || Math.ceilDiv(k, part) != parts)) {
                    continue;
                }
                double time = time(tile, multiprocessors, m, n, part, parts, batches);
                if (time < least) {
                    least = time;
                    best = new Tiling(tile, (int) whole(part), parts);
                }
            }
        }
        return best;
    }

    /** An estimate, in clocks. */
    private static double time(Tile tile, int multiprocessors, long m, long n, long part, int parts, long batches) {
        long blocks = tile.blocks(m, n) * batches * parts;
        long wave = (long) multiprocessors * tile.resident;
        double block = (double) tile.m * tile.n * part / tile.rate;
        double time = blocks / wave * (tile.resident * block + START);
        long rest = Math.ceilDiv(blocks % wave, multiprocessors);
        if (rest > 0) {
            time += rest * block * (1 + LONELY * (tile.resident - rest) / tile.resident) + START;
        }
        if (parts > 1) {
            time += LAUNCH + (2.0 * parts + 1) * m * n * batches * Float.BYTES / MEMORY;
        }
        return time;
    }
}
