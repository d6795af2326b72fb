package io.aegis.image;

/** From a JPEG's components to gray or RGB: libjpeg's fixed-point YCbCr and Pillow's CMYK. */
final class JpegColour {
    private static final int HALF = 1 << 15;

    private JpegColour() {}

    static Image toImage(byte[] samples, int width, int height, JpegHeader header) {
        int n = header.components();
        if (header.isLumaChroma() && n >= 3) {
            toRgb(samples, n);
        }
        if (n != 4) {
            return Image.of(width, height, n, samples);
        }
        return Image.of(width, height, 3, fromCmyk(samples, header.isLumaChroma()));
    }

    /** In place, 16-bit fixed point as in libjpeg's jdcolor.c. */
    private static void toRgb(byte[] s, int stride) {
        for (int i = 0; i < s.length; i += stride) {
            int y = s[i] & 0xff;
            int cb = (s[i + 1] & 0xff) - 128;
            int cr = (s[i + 2] & 0xff) - 128;
            s[i] = clamp(y + ((91881 * cr + HALF) >> 16));
            s[i + 1] = clamp(y + ((-22554 * cb - 46802 * cr + HALF) >> 16));
            s[i + 2] = clamp(y + ((116130 * cb + HALF) >> 16));
        }
    }

    private static byte clamp(int v) {
        return (byte) Math.clamp(v, 0, 255);
    }

    /**
     * Every CMYK JPEG is taken as Adobe writes it, inverted: 255 is no ink. Pillow then computes (255 - K) - C (255 - K) /
     * 255, with the division rounded. After YCCK the colours of {@code toRgb} are the inks' complements already.
     */
    private static byte[] fromCmyk(byte[] s, boolean complemented) {
        byte[] rgb = new byte[s.length / 4 * 3];
        for (int p = 0; p < s.length / 4; p++) {
            int white = s[4 * p + 3] & 0xff;
            for (int c = 0; c < 3; c++) {
                int v = s[4 * p + c] & 0xff;
                int ink = complemented ? v : 255 - v;
                int t = ink * white + 128;
                rgb[3 * p + c] = clamp(white - (((t >> 8) + t) >> 8));
            }
        }
        return rgb;
    }
}
