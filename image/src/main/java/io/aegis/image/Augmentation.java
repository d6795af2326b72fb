package io.aegis.image;

import java.util.random.RandomGenerator;

/**
 * What training changes in a picture at random. Geometry (crop, mirroring) is drawn once a sample and is the same for all
 * its pictures; colour is drawn for each picture by itself.
 *
 * @param shift each channel is moved by a whole number of -shift..shift and clipped
 * @param gammaLow least exponent of the contrast 255 (v / 255)^gamma
 * @param gammaHigh greatest exponent
 * @param mirror probability of exchanging left and right
 * @param minSide least side of the crop, as a share of each of the picture's sides; 1 leaves cropping out
 */
public record Augmentation(int shift, double gammaLow, double gammaHigh, double mirror, double minSide) {
    /** DADM's published training: shift 40, gamma 0.5..1.5, mirroring 0.5, no crop. */
    public static final Augmentation PUBLISHED = new Augmentation(40, 0.5, 1.5, 0.5, 1);

    /** Changes nothing; for testing. */
    public static final Augmentation NONE = new Augmentation(0, 1, 1, 0, 1);

    public Augmentation {
        if (shift < 0
                || shift > 255
                || !(gammaLow > 0 && gammaLow <= gammaHigh && gammaHigh < Double.POSITIVE_INFINITY)
                || !(mirror >= 0 && mirror <= 1)
                || !(minSide > 0 && minSide <= 1)) {
            throw new ImageException("augmentation with shift " + shift + ", gamma " + gammaLow + ".." + gammaHigh
                    + ", mirror " + mirror + ", minSide " + minSide
                    + ": expected shift in 0..255, 0 < gammaLow <= gammaHigh, mirror in 0..1, minSide in (0, 1]");
        }
    }

    /** A sample's crop, in shares of width and height, and whether it is mirrored. */
    record Geometry(double left, double top, double side, boolean mirrored) {
        /** The same part of a picture of any size; at least one pixel. */
        Image cropped(Image image) {
            if (side == 1) {
                return image;
            }
            int w = Math.max(1, (int) Math.round(side * image.width()));
            int h = Math.max(1, (int) Math.round(side * image.height()));
            int x = Math.min((int) (left * image.width()), image.width() - w);
            int y = Math.min((int) (top * image.height()), image.height() - h);
            return image.crop(new Box(x, y, w, h));
        }

        Image turned(Image image) {
            return mirrored ? image.mirrored() : image;
        }
    }

    /** Four draws: side, left, top, mirroring. */
    Geometry geometry(RandomGenerator random) {
        double side = minSide + (1 - minSide) * random.nextDouble();
        double left = (1 - side) * random.nextDouble();
        double top = (1 - side) * random.nextDouble();
        return new Geometry(left, top, side, random.nextDouble() < mirror);
    }

    /** A picture's own change of colour: red, green and blue through a table each. */
    record Colour(byte[][] table) {
        Image of(Image image) {
            byte[] in = image.rgb().bytes();
            byte[] out = new byte[in.length];
            for (int i = 0; i < out.length; i++) {
                out[i] = table[i % 3][in[i] & 0xff];
            }
            return Image.of(image.width(), image.height(), 3, out);
        }
    }

    /** Four draws: a shift for red, green and blue, gamma. The shift is clipped before gamma bends it; results are cut. */
    Colour colour(RandomGenerator random) {
        int[] shifts = new int[3];
        for (int c = 0; c < 3; c++) {
            shifts[c] = (int) Math.floor(random.nextDouble() * (2 * shift + 1)) - shift;
        }
        double gamma = gammaLow + (gammaHigh - gammaLow) * random.nextDouble();
        byte[][] table = new byte[3][256];
        for (int c = 0; c < 3; c++) {
            for (int v = 0; v < 256; v++) {
                int shifted = Math.clamp(v + shifts[c], 0, 255);
                // With an exponent of 1 the value must come back whole, whatever the division rounds.
                double bent = gamma == 1 ? shifted : 255 * Math.pow(shifted / 255.0, gamma);
                table[c][v] = (byte) (int) bent;
            }
        }
        return new Colour(table);
    }
}
