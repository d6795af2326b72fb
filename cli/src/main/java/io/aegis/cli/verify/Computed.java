package io.aegis.cli.verify;

import io.aegis.image.Image;

/**
 * A tensor as this project computes it.
 *
 * @param shape its sizes
 * @param values row by row
 * @param relative what a value may differ by, of the reference's largest
 * @param absolute what it may differ by besides
 */
record Computed(long[] shape, double[] values, double relative, double absolute) {
    /** The reference is rounded to float32, by at most 2^-24 of a value. */
    private static final double FLOAT = 0x1p-24;

    /** A picture, exactly: [height, width] of gray, else [height, width, channels]. */
    static Computed exactly(Image image) {
        byte[] samples = image.bytes();
        double[] values = new double[samples.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = samples[i] & 0xff;
        }
        long[] shape = image.channels() == 1
                ? new long[] {image.height(), image.width()}
                : new long[] {image.height(), image.width(), image.channels()};
        return new Computed(shape, values, 0, 0);
    }

    /** Floats, bit for bit. */
    static Computed exactly(float[] floats, long... shape) {
        double[] values = new double[floats.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = floats[i];
        }
        return new Computed(shape, values, 0, 0);
    }

    /** Doubles whose reference was rounded to float32. */
    static Computed within(double absolute, double[] values, long... shape) {
        return new Computed(shape, values, FLOAT, absolute);
    }
}
