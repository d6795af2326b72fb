package io.aegis.cli.workload;

import io.aegis.image.Image;

/** A picture to measure with: its content does not matter, its size is that of a small photograph. */
public final class TestPicture {
    private static final int SIDE = 224;

    private TestPicture() {}

    /** Bands that grow brighter downwards, RGB. */
    public static Image gradient() {
        byte[] rgb = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (i / SIDE / 3);
        }
        return Image.of(SIDE, SIDE, 3, rgb);
    }
}
