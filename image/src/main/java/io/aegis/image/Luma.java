package io.aegis.image;

/**
 * Gray in fixed point, as libraries compute it on 8 bits: a sum of red, green and blue, rounded to the nearest.
 *
 * @param red weights, in units of 2^-bits, with {@code green} and {@code blue}; they are 1 together
 */
record Luma(int red, int green, int blue, int bits) {
    /** One channel of 8 bits; gray stays what it is. */
    Image of(Image image) {
        if (image.channels() == 1) {
            return image.eightBit();
        }
        Image rgb = image.rgb();
        byte[] p = rgb.bytes();
        byte[] gray = new byte[p.length / 3];
        int half = 1 << bits - 1;
        for (int i = 0; i < gray.length; i++) {
            int sum = red * (p[3 * i] & 0xff) + green * (p[3 * i + 1] & 0xff) + blue * (p[3 * i + 2] & 0xff);
            gray[i] = (byte) (sum + half >> bits);
        }
        return Image.of(rgb.width(), rgb.height(), 1, gray);
    }
}
