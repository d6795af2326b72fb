package io.aegis.kernels.cuda;

import java.util.stream.IntStream;

/**
 * How a launch of rows_quantised.cu divides its work. No bit of a result depends on it.
 *
 * @param rows of x together: 1, 2, 4 or 8
 * @param span outputs of a tile: 16 or 8
 * @param tiles of all weights
 * @param teams of eight warps in a block: 2 or 1
 * @param stages slots of a warp's ring
 * @param piece steps of K whose digits are in shared memory at a time, a multiple of eight
 * @param pieces that K is cut into
 * @param shared bytes of dynamic shared memory
 */
record RowsPlan(int rows, int span, int tiles, int teams, int stages, int piece, int pieces, int shared) {
    static final int TEAM = 8;
    static final int TILE = 16;
    static final int STEP_BYTES = 128;
    /** Columns of a matrix product, of 32 lanes with four sums each. */
    private static final int SUMS = 32 * 4;

    private static final int HALF = TILE / 2;
    private static final int MOST_STAGES = 4;
    private static final int LEAST_STAGES = 2;
    private static final int DIGITS = 3;

    /**
     * @param packed weights a byte
     * @param unit weights of a row that share an exponent of x
     * @param outputs of each weight
     * @param gated whether two weights are multiplied with each other
     */
    static RowsPlan of(
            int sharedBytes, int multiprocessors, int packed, int unit, int m, int k, int[] outputs, boolean gated) {
        int rows = m > 4 ? 8 : m == 3 ? 4 : m;
        int span = gated ? HALF : span(outputs, multiprocessors);
        int tiles = gated ? tiles(new int[] {outputs[0]}, HALF) : tiles(outputs, span);
        int step = STEP_BYTES * packed;
        int eights = Math.ceilDiv(Math.ceilDiv(k, step), TEAM);
        int units = step / unit;
        int ofStep = step * DIGITS * rows + units * rows * Float.BYTES;
        int stage = TILE * (STEP_BYTES + units * Float.BYTES);
        // Two teams rather than one, then few pieces, then as much as possible on its way.
        for (int teams = 2; teams > 0; teams--) {
            int room = teams * 2 * TEAM * rows * TILE * Float.BYTES;
            for (int pieces = 1; pieces <= eights; pieces++) {
                int piece = TEAM * Math.ceilDiv(eights, pieces);
                for (int stages = MOST_STAGES; stages >= LEAST_STAGES; stages--) {
                    long shared = (long) teams * TEAM * stages * stage + (long) piece * ofStep + room;
                    if (shared <= sharedBytes) {
                        int count = Math.ceilDiv(TEAM * eights, piece);
                        return new RowsPlan(rows, span, tiles, teams, stages, piece, count, (int) shared);
                    }
                }
            }
        }
        throw new IllegalStateException("no room for " + rows + " rows in " + sharedBytes + " bytes of shared memory");
    }

    /** Half a tile, where the busiest multiprocessor has a fifth less to do then. */
    private static int span(int[] outputs, int multiprocessors) {
        int whole = Math.ceilDiv(tiles(outputs, TILE), multiprocessors) * TILE;
        int half = Math.ceilDiv(tiles(outputs, HALF), multiprocessors) * HALF;
        return 5 * half <= 4 * whole ? HALF : TILE;
    }

    private static int tiles(int[] outputs, int span) {
        return IntStream.of(outputs).map(n -> Math.ceilDiv(n, span)).sum();
    }

    /** Elements of float32 that warps put down between pieces, of so many groups of rows. */
    long sums(int groups) {
        int columns = rows == 8 ? DIGITS : rows == 4 ? 2 : 1;
        return pieces == 1 ? 0 : (long) groups * tiles * TEAM * columns * SUMS;
    }
}
