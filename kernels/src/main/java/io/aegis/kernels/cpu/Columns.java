package io.aegis.kernels.cpu;

/**
 * Inner products of rows of floats with a few columns of weights, each in an order of its own: lane by lane of {@link
 * Interleaved} rows, the lanes at the end. One row or four, the order is the same, and so are the bits.
 *
 * <p>Such a loop calls the Vector API itself, not through helpers: what a method of ours would wrap is inlined only until
 * the compiler has seen enough of it, the API's own methods always are. Addresses are a whole number of blocks plus a
 * constant, and rows are arrays, so that bounds are checked outside the loops.
 */
interface Columns {
    /** Weights of a 32-bit word: how rows have to be interleaved. */
    int parts();

    /** What the loops expect rows to be multiplied by. */
    default float factor() {
        return 1;
    }

    /** Most columns of {@link #one}. */
    int ofOne();

    /** Most columns of {@link #four}. */
    int ofFour();

    /**
     * sums[c] = x times column j + c.
     *
     * @param wide how many columns there are, at least 1
     */
    void one(Interleaved x, int row, long j, int wide, float[] sums);

    /** sums[4 c + r] = row {@code rows[r]} of x times column j + c. */
    void four(Interleaved x, int[] rows, long j, int wide, float[] sums);

    /** All rows of a part's columns, overwritten, or added to. */
    static void multiply(Columns w, Interleaved x, boolean add, Part part) {
        int count = (int) part.rows();
        int most = count == 1 ? w.ofOne() : w.ofFour();
        float[] sums = new float[4 * most];
        int[] rows = new int[4];
        for (long j = part.column(); j < part.columnEnd(); j += most) {
            int wide = (int) Math.min(most, part.columnEnd() - j);
            if (count == 1) {
                w.one(x, 0, j, wide, sums);
                for (int c = 0; c < wide; c++) {
                    store(sums[c], add, part, 0, j + c);
                }
                continue;
            }
            for (int first = 0; first < count; first += 4) {
                // Rows that are missing at the end repeat the last, and are not stored.
                int high = Math.min(4, count - first);
                for (int r = 0; r < 4; r++) {
                    rows[r] = first + Math.min(r, high - 1);
                }
                w.four(x, rows, j, wide, sums);
                for (int c = 0; c < wide; c++) {
                    for (int r = 0; r < high; r++) {
                        store(sums[4 * c + r], add, part, first + r, j + c);
                    }
                }
            }
        }
    }

    private static void store(float sum, boolean add, Part part, int row, long column) {
        long at = part.offset() + row * part.ldc() + column;
        Lanes.set(part.c(), at, add ? Lanes.get(part.c(), at) + sum : sum);
    }
}
