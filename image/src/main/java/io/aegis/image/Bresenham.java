package io.aegis.image;

/** A line of pixels between two pixels, with scikit-image's way of breaking ties (Bresenham, 1965). */
final class Bresenham {
    private Bresenham() {}

    /** Row, column, row, column, ... from (r0, c0) to (r1, c1), both included. */
    static int[] line(int r0, int c0, int r1, int c1) {
        int rise = Math.abs(r1 - r0);
        int run = Math.abs(c1 - c0);
        boolean steep = rise > run;
        int along = Math.max(rise, run);
        int across = Math.min(rise, run);
        int stepAlong = steep ? sign(r1 - r0) : sign(c1 - c0);
        int stepAcross = steep ? sign(c1 - c0) : sign(r1 - r0);
        int a = steep ? r0 : c0;
        int b = steep ? c0 : r0;
        int error = 2 * across - along;
        int[] out = new int[2 * (along + 1)];
        for (int i = 0; i < along; i++) {
            out[2 * i] = steep ? a : b;
            out[2 * i + 1] = steep ? b : a;
            while (error >= 0) {
                b += stepAcross;
                error -= 2 * along;
            }
            a += stepAlong;
            error += 2 * across;
        }
        out[2 * along] = r1;
        out[2 * along + 1] = c1;
        return out;
    }

    private static int sign(int v) {
        return v > 0 ? 1 : -1;
    }
}
