package io.aegis.kernels.cuda;

/**
 * A box of pixels that one tile of convolution_sm90a.cu computes: so much of a line, so many lines, of so many pictures. Boxes lie side
 * by side over all pictures, and those at an end reach beyond it.
 *
 * @param wide pixels of a line
 * @param high lines of a picture
 * @param deep pictures
 */
record PixelBox(int wide, int high, int deep) {
    /** Rows of a tile. */
    static final int MOST = 128;

    /**
     * The box of which the fewest are needed; of those the widest, then the highest.
     *
     * @param width of a picture, at least 1, as the others
     * @param pictures how many
     */
    static PixelBox of(long width, long height, long pictures) {
        PixelBox best = null;
        long fewest = Long.MAX_VALUE;
        for (int wide = (int) Math.min(width, MOST); wide >= 1; wide--) {
            for (int high = (int) Math.min(height, MOST / wide); high >= 1; high--) {
                PixelBox box = new PixelBox(wide, high, (int) Math.min(pictures, MOST / (wide * high)));
                long count = box.count(width, height, pictures);
                if (count < fewest) {
                    fewest = count;
                    best = box;
                }
            }
        }
        return best;
    }

    /** Pixels of a box. */
    int pixels() {
        return wide * high * deep;
    }

    /** How many boxes cover pictures. */
    long count(long width, long height, long pictures) {
        return Math.ceilDiv(width, wide) * Math.ceilDiv(height, high) * Math.ceilDiv(pictures, deep);
    }
}
