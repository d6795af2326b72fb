package io.aegis.image;

/**
 * FaceShield's auxiliary picture (arXiv 2505.09415, SAVP): binary patterns, gray and oriented gradients as the three
 * channels of a picture that goes through the same tower as the colours.
 *
 * @param patterns what the first channel is
 * @param gradients what the third is
 */
public record Savp(Patterns patterns, Gradients gradients) {
    /** The plain neighbours with nothing outside, and scikit-image's drawing as it is. */
    public static final Savp DEFAULT = new Savp(Patterns.SQUARE_ZERO, Gradients.RAW);

    /** Which local binary patterns. */
    public enum Patterns {
        /** {@link SquareLbp}, nothing outside the picture. */
        SQUARE_ZERO,
        /** {@link SquareLbp} as DADM's own code treats borders. */
        SQUARE_WRAP_NEGATIVE,
        /** {@link SquareLbp}, borders repeated. */
        SQUARE_REPLICATE,
        /** {@link CircularLbp}, 0..255. */
        CIRCULAR,
        /** {@link CircularLbp} of the uniform kind, 0..9. */
        CIRCULAR_UNIFORM,
        /** The same, its ten codes spread over 0..252. */
        CIRCULAR_UNIFORM_SCALED
    }

    /** Which picture of the gradients. */
    public enum Gradients {
        /** {@link Hog#picture} cut at 255: a picture's absolute texture energy stays. */
        RAW,
        /** Its greatest value becomes 255, the others in proportion, rounded. */
        MINMAX,
        /** {@link GradientEnergy}: each pixel's own, without cells. */
        ENERGY
    }

    /** [patterns, gray, gradients] of a picture, of its size. */
    public Image of(Image image) {
        Image gray = PillowGray.of(image);
        byte[] first = patterns(gray).bytes();
        byte[] third = gradients(gray).bytes();
        byte[] out = new byte[3 * first.length];
        for (int i = 0; i < first.length; i++) {
            out[3 * i] = first[i];
            out[3 * i + 1] = gray.bytes()[i];
            out[3 * i + 2] = third[i];
        }
        return Image.of(gray.width(), gray.height(), 3, out);
    }

    private Image patterns(Image gray) {
        return switch (patterns) {
            case SQUARE_ZERO -> SquareLbp.of(gray, SquareLbp.Border.ZERO);
            case SQUARE_WRAP_NEGATIVE -> SquareLbp.of(gray, SquareLbp.Border.WRAP_NEGATIVE);
            case SQUARE_REPLICATE -> SquareLbp.of(gray, SquareLbp.Border.REPLICATE);
            case CIRCULAR -> CircularLbp.of(gray, CircularLbp.Method.DEFAULT);
            case CIRCULAR_UNIFORM -> CircularLbp.of(gray, CircularLbp.Method.UNIFORM);
            case CIRCULAR_UNIFORM_SCALED -> spread(CircularLbp.of(gray, CircularLbp.Method.UNIFORM));
        };
    }

    /** Codes 0..9 by the greatest whole factor that keeps them below 256. */
    private static Image spread(Image codes) {
        byte[] out = new byte[codes.bytes().length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) (28 * codes.bytes()[i]);
        }
        return Image.of(codes.width(), codes.height(), 1, out);
    }

    private Image gradients(Image gray) {
        return switch (gradients) {
            case RAW -> Hog.PUBLISHED.image(gray);
            case MINMAX -> stretched(Hog.PUBLISHED.picture(gray), gray);
            case ENERGY -> GradientEnergy.of(gray);
        };
    }

    private static Image stretched(double[] picture, Image gray) {
        double greatest = 0;
        for (double v : picture) {
            greatest = Math.max(greatest, v);
        }
        for (int i = 0; i < picture.length && greatest > 0; i++) {
            picture[i] = Math.rint(picture[i] * 255 / greatest);
        }
        return Descriptors.truncated(picture, gray.width(), gray.height());
    }
}
