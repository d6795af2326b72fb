package io.aegis.training.report;

/** Importance over a picture: a small map in [0, 1], drawn over pixels of any size. */
public final class HeatMap {
    /** Dark violet to pale yellow through red; lightness ascends, so that it reads without colour too. */
    private static final int[] COLOURS = {0x000004, 0x57106E, 0xBC3754, 0xF98E09, 0xFCFFA4};

    private final int rows;
    private final int columns;
    private final float[] values;

    /**
     * Copies the map.
     *
     * @param values [rows, columns], row by row, each in [0, 1]
     * @throws IllegalArgumentException for another number of values, or one outside [0, 1]
     */
    public HeatMap(int rows, int columns, float... values) {
        if (rows < 1 || columns < 1 || values.length != (long) rows * columns) {
            throw new IllegalArgumentException(
                    "a map of " + rows + " x " + columns + " cannot have " + values.length + " values");
        }
        for (float v : values) {
            if (!(v >= 0 && v <= 1)) {
                throw new IllegalArgumentException("importance lies between 0 and 1, not " + v);
            }
        }
        this.rows = rows;
        this.columns = columns;
        this.values = values.clone();
    }

    /**
     * Any finite map, stretched so that its least value is 0 and its greatest 1; a map of one value becomes 0.
     *
     * @throws IllegalArgumentException for a value that is not finite
     */
    public static HeatMap stretched(int rows, int columns, float... values) {
        float low = Float.POSITIVE_INFINITY;
        float high = Float.NEGATIVE_INFINITY;
        for (float v : values) {
            if (!Float.isFinite(v)) {
                throw new IllegalArgumentException("importance is a finite number, not " + v);
            }
            low = Math.min(low, v);
            high = Math.max(high, v);
        }
        float[] stretched = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            stretched[i] = high > low ? (float) (((double) values[i] - low) / ((double) high - low)) : 0;
        }
        return new HeatMap(rows, columns, stretched);
    }

    /**
     * The picture with the map over it. Where importance is 0 the picture shows unchanged; the more important, the less
     * of it is left. Between the centres of its cells the map is bilinear.
     *
     * @param pixels [height, width, channels] u8
     * @param channels 1 for gray, 3 for RGB
     * @param strength opacity at importance 1, in [0, 1]
     * @return [height, width, 3] u8, RGB
     * @throws IllegalArgumentException for another number of bytes, channels, or a strength outside
     */
    public byte[] over(byte[] pixels, int width, int height, int channels, double strength) {
        if (channels != 1 && channels != 3) {
            throw new IllegalArgumentException("a picture has 1 (gray) or 3 (RGB) channels, not " + channels);
        }
        if (width < 1 || height < 1 || pixels.length != (long) width * height * channels) {
            throw new IllegalArgumentException("a picture of " + width + " x " + height + " with " + channels
                    + " channels cannot have " + pixels.length + " bytes");
        }
        if (!(strength >= 0 && strength <= 1)) {
            throw new IllegalArgumentException("strength lies between 0 and 1, not " + strength);
        }
        byte[] out = new byte[Math.multiplyExact(Math.multiplyExact(width, height), 3)];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                double v = at((y + 0.5) / height * rows - 0.5, (x + 0.5) / width * columns - 0.5);
                int colour = colour(v);
                double opacity = strength * v;
                int pixel = y * width + x;
                for (int c = 0; c < 3; c++) {
                    int below = pixels[pixel * channels + (channels == 3 ? c : 0)] & 0xFF;
                    int above = colour >> (16 - 8 * c) & 0xFF;
                    out[pixel * 3 + c] = (byte) Math.round(below + opacity * (above - below));
                }
            }
        }
        return out;
    }

    /**
     * The colour of an importance.
     *
     * @param value in [0, 1]
     * @return 0xRRGGBB
     */
    public static int colour(double value) {
        double place = Math.clamp(value, 0.0, 1.0) * (COLOURS.length - 1);
        int from = Math.min((int) place, COLOURS.length - 2);
        int mixed = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            int a = COLOURS[from] >> shift & 0xFF;
            int b = COLOURS[from + 1] >> shift & 0xFF;
            mixed |= (int) Math.round(a + (place - from) * (b - a)) << shift;
        }
        return mixed;
    }

    private double at(double row, double column) {
        int top = Math.clamp((int) Math.floor(row), 0, rows - 1);
        int left = Math.clamp((int) Math.floor(column), 0, columns - 1);
        int bottom = Math.min(top + 1, rows - 1);
        int right = Math.min(left + 1, columns - 1);
        double down = Math.clamp(row - top, 0.0, 1.0);
        double across = Math.clamp(column - left, 0.0, 1.0);
        double upper = mix(value(top, left), value(top, right), across);
        double lower = mix(value(bottom, left), value(bottom, right), across);
        return mix(upper, lower, down);
    }

    private double value(int row, int column) {
        return values[row * columns + column];
    }

    private static double mix(double a, double b, double t) {
        return a + t * (b - a);
    }
}
