package io.aegis.image;

/** Gray as scikit-image's rgb2gray: 0.2125 R + 0.7154 G + 0.0721 B of values in 0..1, ITU-R BT.709. */
public final class SkimageGray {
    private SkimageGray() {}

    /** [height, width], 0..1. */
    public static double[] of(Image image) {
        byte[] p = image.rgb().bytes();
        double[] gray = new double[p.length / 3];
        for (int i = 0; i < gray.length; i++) {
            gray[i] = 0.2125 * ((p[3 * i] & 0xff) / 255.0)
                    + 0.7154 * ((p[3 * i + 1] & 0xff) / 255.0)
                    + 0.0721 * ((p[3 * i + 2] & 0xff) / 255.0);
        }
        return gray;
    }
}
