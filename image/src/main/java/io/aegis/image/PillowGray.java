package io.aegis.image;

/** Gray as Pillow's convert('L'): (19595 R + 38470 G + 7471 B + 32768) >> 16, ITU-R BT.601. */
public final class PillowGray {
    private static final Luma LUMA = new Luma(19595, 38470, 7471, 16);

    private PillowGray() {}

    /** One channel of 8 bits; gray stays what it is. */
    public static Image of(Image image) {
        return LUMA.of(image);
    }
}
