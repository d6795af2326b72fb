package io.aegis.image;

/**
 * Pattern of local gravitational force (Bhattacharjee and Roy, PAMI 2021), as DADM's preprocessing computes it: the force
 * of the 24 neighbours in a 5x5 window, each by its brightness over its squared distance, relative to the pixel's own
 * brightness; R = arctan(|F| / (I + 1e-4)), stretched from its least and greatest value to 1..255.
 */
public final class Plgf {
    private static final int REACH = 2;
    private static final int SIDE = 2 * REACH + 1;
    private static final double[] X = new double[SIDE * SIDE];
    private static final double[] Y = new double[SIDE * SIDE];

    static {
        for (int row = 0; row < SIDE; row++) {
            for (int column = 0; column < SIDE; column++) {
                double x = column - REACH;
                double y = REACH - row;
                double squared = x * x + y * y;
                if (squared > 0) {
                    double angle = Math.atan2(y, x);
                    X[row * SIDE + column] = Math.cos(angle) / squared;
                    Y[row * SIDE + column] = Math.sin(angle) / squared;
                }
            }
        }
    }

    private Plgf() {}

    /**
     * The stretched pattern, [height, width], 1..255; all 1 where every pixel's force is the same. Brightness below 2 counts
     * as 2; outside the picture there is nothing.
     */
    public static double[] of(Image gray) {
        byte[] p = Descriptors.gray(gray);
        int w = gray.width();
        int h = gray.height();
        double[] r = new double[w * h];
        double least = Double.POSITIVE_INFINITY;
        double greatest = Double.NEGATIVE_INFINITY;
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                double v = at(p, w, h, y, x);
                r[y * w + x] = v;
                least = Math.min(least, v);
                greatest = Math.max(greatest, v);
            }
        }
        double range = greatest - least;
        for (int i = 0; i < r.length; i++) {
            r[i] = range > 0 ? 1 + 254 * (r[i] - least) / range : 1;
        }
        return r;
    }

    private static double at(byte[] p, int w, int h, int y, int x) {
        double fx = 0;
        double fy = 0;
        for (int row = 0; row < SIDE; row++) {
            int ny = y + row - REACH;
            if (ny < 0 || ny >= h) {
                continue;
            }
            for (int column = 0; column < SIDE; column++) {
                int nx = x + column - REACH;
                if (nx >= 0 && nx < w) {
                    double v = brightness(p[ny * w + nx]);
                    fx += v * X[row * SIDE + column];
                    fy += v * Y[row * SIDE + column];
                }
            }
        }
        double own = brightness(p[y * w + x]) + 1e-4;
        return Math.atan(Math.hypot(fx / own, fy / own));
    }

    private static double brightness(byte sample) {
        return Math.max(sample & 0xff, 2);
    }

    /** {@link #of} cut to whole numbers. */
    public static Image image(Image gray) {
        return Descriptors.truncated(of(gray), gray.width(), gray.height());
    }
}
