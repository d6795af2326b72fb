package io.aegis.kernels.cpu;

import jdk.incubator.vector.FloatVector;

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

    private static final int[][] LANES = lanes();

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

    private static void interleave(float[] from, float[] to, int parts, int whole, float factor) {
        int[] lanes = LANES[Integer.numberOfTrailingZeros(parts)];
        for (int block = 0; block < whole; block += parts * Lanes.N) {
            for (int i = 0; i < parts; i++) {
                FloatVector gathered = FloatVector.fromArray(Lanes.F, from, block + i, lanes, 0);
                gathered.mul(factor).intoArray(to, block + i * Lanes.N);
            }
        }
    }

    /** Every p-th element, p = 1, 2, 4, 8. */
    private static int[][] lanes() {
        int[][] all = new int[4][Lanes.N];
        for (int p = 0; p < all.length; p++) {
            for (int l = 0; l < Lanes.N; l++) {
                all[p][l] = l << p;
            }
        }
        return all;
    }
}
