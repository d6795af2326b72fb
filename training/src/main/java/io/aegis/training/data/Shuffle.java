package io.aegis.training.data;

import io.aegis.kernels.Philox;

/** Random orders that follow seed and counter alone, so that any of them can be drawn again at any time. */
public final class Shuffle {
    private Shuffle() {}

    /**
     * Puts numbers in random order, in place (Fisher and Yates). A bound below 2^31 taken from 64 random bits is even to
     * within 2^-33.
     *
     * @param epoch counter, as are the two others
     */
    public static void shuffle(int[] order, long seed, long epoch, long cell, long site) {
        for (int i = order.length - 1; i > 0; i--) {
            long high = Philox.bits(seed, epoch, cell, site, 2L * i);
            long low = Philox.bits(seed, epoch, cell, site, 2L * i + 1) & 0xffffffffL;
            int j = (int) Math.unsignedMultiplyHigh(high << 32 | low, i + 1L);
            int swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
    }
}
