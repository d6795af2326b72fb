package io.aegis.image;

/**
 * Local binary patterns over eight points of the unit circle, as scikit-image's {@code local_binary_pattern(gray, 8, 1)}:
 * counter-clockwise from the east, the diagonal points bilinear with offsets of five decimals, 0 outside the picture; a
 * point counts where it is not darker than the centre (Ojala, Pietikäinen, Mäenpää, PAMI 2002).
 */
public final class CircularLbp {
    private static final int POINTS = 8;
    private static final double[] DY = new double[POINTS];
    private static final double[] DX = new double[POINTS];

    static {
        for (int k = 0; k < POINTS; k++) {
            DY[k] = fiveDecimals(-Math.sin(2 * Math.PI * k / POINTS));
            DX[k] = fiveDecimals(Math.cos(2 * Math.PI * k / POINTS));
        }
    }

    private CircularLbp() {}

    private static double fiveDecimals(double v) {
        return Math.rint(v * 1e5) / 1e5;
    }

    /** How eight bits become a code. */
    public enum Method {
        /** Point k counts 2^k: 0..255. */
        DEFAULT {
            @Override
            int code(int bits) {
                return bits;
            }
        },
        /** The number of set bits where they form one arc, 0..8, and 9 for all other patterns. */
        UNIFORM {
            @Override
            int code(int bits) {
                // scikit-image looks at the seven changes along the list, not at the one from its end to its start.
                int changes = Integer.bitCount((bits ^ bits >> 1) & 0x7f);
                return changes <= 2 ? Integer.bitCount(bits) : POINTS + 1;
            }
        };

        abstract int code(int bits);
    }

    /** The codes as a gray picture; {@code gray} has one channel of 8 bits. */
    public static Image of(Image gray, Method method) {
        int w = gray.width();
        int h = gray.height();
        byte[] p = Descriptors.gray(gray);
        byte[] codes = new byte[w * h];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int bits = 0;
                for (int k = 0; k < POINTS; k++) {
                    if (sample(p, w, h, y + DY[k], x + DX[k]) - (p[y * w + x] & 0xff) >= 0) {
                        bits |= 1 << k;
                    }
                }
                codes[y * w + x] = (byte) method.code(bits);
            }
        }
        return Image.of(w, h, 1, codes);
    }

    private static double sample(byte[] p, int w, int h, double y, double x) {
        int top = (int) Math.floor(y);
        int left = (int) Math.floor(x);
        int bottom = (int) Math.ceil(y);
        int right = (int) Math.ceil(x);
        double dy = y - top;
        double dx = x - left;
        double above = (1 - dx) * pixel(p, w, h, top, left) + dx * pixel(p, w, h, top, right);
        double below = (1 - dx) * pixel(p, w, h, bottom, left) + dx * pixel(p, w, h, bottom, right);
        return (1 - dy) * above + dy * below;
    }

    private static double pixel(byte[] p, int w, int h, int y, int x) {
        return y < 0 || y >= h || x < 0 || x >= w ? 0 : p[y * w + x] & 0xff;
    }
}
