package io.aegis.image;

/**
 * FaceShield's auxiliary picture (arXiv 2505.09415, SAVP): binary patterns, gray and oriented gradients as the three
 * channels of a picture that goes through the same tower as the colours.
 */
public final class Savp {
    private Savp() {}

    /** How bright the gradients' picture is. */
    public enum Scaling {
        /** As computed, cut at 255: a picture's absolute texture energy stays. */
        RAW,
        /** Its greatest value becomes 255, the others in proportion, rounded. */
        MINMAX
    }

    /** [LBP, gray, HOG] of the resized picture, the gradients unscaled. */
    public static Image of(Image image) {
        return of(image, SquareLbp.Border.ZERO, Scaling.RAW);
    }

    /** [LBP, gray, HOG] of the resized picture. */
    public static Image of(Image image, SquareLbp.Border border, Scaling scaling) {
        Image gray = PillowGray.of(image);
        byte[] patterns = SquareLbp.of(gray, border).bytes();
        byte[] gradients = gradients(gray, scaling).bytes();
        byte[] out = new byte[3 * patterns.length];
        for (int i = 0; i < patterns.length; i++) {
            out[3 * i] = patterns[i];
            out[3 * i + 1] = gray.bytes()[i];
            out[3 * i + 2] = gradients[i];
        }
        return Image.of(gray.width(), gray.height(), 3, out);
    }

    private static Image gradients(Image gray, Scaling scaling) {
        double[] picture = Hog.PUBLISHED.picture(gray);
        if (scaling == Scaling.MINMAX) {
            double greatest = 0;
            for (double v : picture) {
                greatest = Math.max(greatest, v);
            }
            for (int i = 0; i < picture.length && greatest > 0; i++) {
                picture[i] = Math.rint(picture[i] * 255 / greatest);
            }
        }
        return Descriptors.truncated(picture, gray.width(), gray.height());
    }
}
