package io.aegis.kernels.cpu;

/**
 * Rows of floats in the order in which vectors of 32-bit words hold narrower weights. Where a word has p of them, the i-th
 * of all words of a vector are taken out at once: lane l has weight p l + i. In every block of p vectors element p l + i
 * stands at i N + l therefore; what is left behind the last whole block is in its natural order.
 *
 * @param k elements of a row
 * @param whole elements in whole blocks
 */
record Interleaved(float[][] rows, int k, int whole) {
    /** Arrays of {@link Scratch} from this one on, one a row. */
    private static final int SLOT = 0;

    /**
     * Rows of this thread, valid until its next product.
     *
     * @param a float32, rows dense
     * @param factor multiplies what is in whole blocks
     */
    static Interleaved of(Operand a, int rows, int k, int parts, float factor) {
        int block = parts * Lanes.N;
        int whole = k - k % block;
        float[][] all = new float[rows][0];
        float[] natural = Scratch.array(SLOT + rows, k);
        for (int r = 0; r < rows && k > 0; r++) {
            float[] row = Scratch.array(SLOT + r, k);
            if (parts == 1) {
                Lanes.toArray(a.memory(), a.at(r, 0), row, k);
            } else {
                Lanes.toArray(a.memory(), a.at(r, 0), natural, k);
                interleave(natural, row, parts, whole, factor);
                System.arraycopy(natural, whole, row, whole, k - whole);
            }
            all[r] = row;
        }
        return new Interleaved(all, k, whole);
    }

    /** Plain Java: a loop of vectors that gather was slower in every run, and much so until it is compiled. */
    private static void interleave(float[] from, float[] to, int parts, int whole, float factor) {
        int ofParts = Integer.numberOfTrailingZeros(parts);
        int ofLanes = Integer.numberOfTrailingZeros(Lanes.N);
        int inBlock = (1 << ofParts + ofLanes) - 1;
        for (int at = 0; at < whole; at++) {
            int i = (at & inBlock) >> ofLanes;
            int l = at & Lanes.N - 1;
            to[at] = factor * from[(at & ~inBlock) + (l << ofParts) + i];
        }
    }
}
