package io.aegis.image;

/** Gray as OpenCV's BGR2GRAY on 8 bits: (9798 R + 19235 G + 3735 B + 16384) >> 15, ITU-R BT.601. */
public final class OpenCvGray {
    private static final Luma LUMA = new Luma(9798, 19235, 3735, 15);

    private OpenCvGray() {}

    /** One channel of 8 bits; gray stays what it is. */
    public static Image of(Image image) {
        return LUMA.of(image);
    }
}
