package io.aegis.image;

/** What the local descriptors share. */
final class Descriptors {
    private Descriptors() {}

    /** The samples of a gray picture of 8 bits; anything else is refused. */
    static byte[] gray(Image image) {
        if (image.channels() != 1) {
            throw new ImageException(
                    "a local descriptor needs a gray picture, not one with " + image.channels() + " channels");
        }
        return image.bytes();
    }

    /** A gray picture of values cut to whole numbers in 0..255, as Pillow turns floats into pixels. */
    static Image truncated(double[] values, int width, int height) {
        byte[] out = new byte[values.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) (int) Math.clamp(values[i], 0.0, 255.0);
        }
        return Image.of(width, height, 1, out);
    }
}
