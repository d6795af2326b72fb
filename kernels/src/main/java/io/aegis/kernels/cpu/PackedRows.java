package io.aegis.kernels.cpu;

/**
 * Rows of a left operand in panels of {@link Tile#ROWS}, whole in their depth, ready for every column of the right one.
 *
 * @param data in panel {@code i / ROWS}, at step l: the numbers of its rows
 */
record PackedRows(float[] data, int rows, int depth) {
    /** Numbers that are packed at a time: they should stay in the last cache, or near. */
    private static final long MOST = 1 << 22;

    /** Rows that go together. */
    static int most(long k) {
        return Math.clamp(MOST / Math.max(1, k) / Tile.ROWS * Tile.ROWS, Tile.ROWS, 1 << 16);
    }

    /** Packs the first {@code rows} rows of {@code depth} floats, each times a factor; the array is this thread's. */
    static PackedRows of(Operand a, int rows, int depth, float factor) {
        float[] data = Scratch.array(Scratch.PACKED_ROWS, Math.ceilDiv(rows, Tile.ROWS) * Tile.ROWS * depth);
        Panels.pack(a, !a.byColumns(), depth, rows, Tile.ROWS, factor, data);
        return new PackedRows(data, rows, depth);
    }

    /** Where a row's panel, at a step of the depth, begins. */
    int at(int row, int step) {
        return row * depth + step * Tile.ROWS;
    }
}
