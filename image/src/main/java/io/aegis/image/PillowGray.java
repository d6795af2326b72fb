package io.aegis.image;

/** Gray as Pillow's convert('L'): (19595 R + 38470 G + 7471 B + 32768) >> 16, ITU-R BT.601. */
public final class PillowGray {
    private PillowGray() {}

    /** One channel of 8 bits; gray stays what it is. */
    public static Image of(Image image) {
        if (image.channels() == 1) {
            return image.eightBit();
        }
        Image rgb = image.rgb();
        byte[] p = rgb.bytes();
        byte[] gray = new byte[p.length / 3];
        for (int i = 0; i < gray.length; i++) {
            int sum = 19595 * (p[3 * i] & 0xff) + 38470 * (p[3 * i + 1] & 0xff) + 7471 * (p[3 * i + 2] & 0xff);
            gray[i] = (byte) (sum + 32768 >> 16);
        }
        return Image.of(rgb.width(), rgb.height(), 1, gray);
    }
}
