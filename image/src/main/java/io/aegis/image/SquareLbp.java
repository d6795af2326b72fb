package io.aegis.image;

/**
 * Local binary patterns over the eight plain neighbours, as DADM's preprocessing defines them: clockwise from the
 * top-left, which is bit 0 (1), to the left one, which is bit 7 (128); a bit is set where the neighbour is not darker
 * than the centre.
 */
public final class SquareLbp {
    private static final int[] DY = {-1, -1, -1, 0, 1, 1, 1, 0};
    private static final int[] DX = {-1, 0, 1, 1, 1, 0, -1, -1};
    private static final int OUTSIDE = -1;

    private SquareLbp() {}

    /** What lies outside the picture. */
    public enum Border {
        /** Nothing: the bit is 0. */
        ZERO,
        /** The far edge beyond the top and left, nothing beyond the bottom and right: DADM's own code, literally. */
        WRAP_NEGATIVE,
        /** The nearest pixel. */
        REPLICATE
    }

    /** The codes, 0..255, as a gray picture; {@code gray} has one channel of 8 bits. */
    public static Image of(Image gray, Border border) {
        int w = gray.width();
        int h = gray.height();
        byte[] p = Descriptors.gray(gray);
        byte[] codes = new byte[w * h];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int centre = p[y * w + x] & 0xff;
                int code = 0;
                for (int k = 0; k < 8; k++) {
                    int ny = neighbour(y + DY[k], h, border);
                    int nx = neighbour(x + DX[k], w, border);
                    if (ny != OUTSIDE && nx != OUTSIDE && (p[ny * w + nx] & 0xff) >= centre) {
                        code |= 1 << k;
                    }
                }
                codes[y * w + x] = (byte) code;
            }
        }
        return Image.of(w, h, 1, codes);
    }

    private static int neighbour(int i, int size, Border border) {
        if (i >= 0 && i < size) {
            return i;
        }
        return switch (border) {
            case ZERO -> OUTSIDE;
            case WRAP_NEGATIVE -> i < 0 ? size - 1 : OUTSIDE;
            case REPLICATE -> Math.clamp(i, 0, size - 1);
        };
    }
}
