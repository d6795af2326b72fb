package io.aegis.image;

/**
 * How steep a picture is at each pixel: round(|gradient| / sqrt 2), the gradient by central differences, zero in the first
 * and last row or column. The steepest possible is 255.
 */
public final class GradientEnergy {
    private GradientEnergy() {}

    /** As a gray picture; {@code gray} has one channel of 8 bits. */
    public static Image of(Image gray) {
        byte[] p = Descriptors.gray(gray);
        int w = gray.width();
        int h = gray.height();
        byte[] out = new byte[p.length];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int i = y * w + x;
                int dy = y == 0 || y == h - 1 ? 0 : (p[i + w] & 0xff) - (p[i - w] & 0xff);
                int dx = x == 0 || x == w - 1 ? 0 : (p[i + 1] & 0xff) - (p[i - 1] & 0xff);
                out[i] = (byte) Math.min(255, (int) Math.rint(Math.sqrt((dx * dx + dy * dy) / 2.0)));
            }
        }
        return Image.of(w, h, 1, out);
    }
}
