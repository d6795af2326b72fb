package io.aegis.image;

/** Gray as OpenCV's BGR2GRAY on 8 bits: (9798 R + 19235 G + 3735 B + 16384) >> 15, ITU-R BT.601. */
public final class OpenCvGray {
    private OpenCvGray() {}

    /** One channel of 8 bits; gray stays what it is. */
    public static Image of(Image image) {
        if (image.channels() == 1) {
            return image.eightBit();
        }
        Image rgb = image.rgb();
        byte[] p = rgb.bytes();
        byte[] gray = new byte[p.length / 3];
        for (int i = 0; i < gray.length; i++) {
            int sum = 9798 * (p[3 * i] & 0xff) + 19235 * (p[3 * i + 1] & 0xff) + 3735 * (p[3 * i + 2] & 0xff);
            gray[i] = (byte) (sum + 16384 >> 15);
        }
        return Image.of(rgb.width(), rgb.height(), 1, gray);
    }
}
