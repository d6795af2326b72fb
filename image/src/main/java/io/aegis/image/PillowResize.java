package io.aegis.image;

import java.util.Arrays;

/**
 * Resizing as Pillow does it (Resample.c), bit for bit: separable, antialiased when shrinking (the filter widens by the
 * scale), horizontally first, rounded to 8 bits between the passes, weights in fixed point of 22 bits. A pass that
 * changes nothing is left out.
 *
 * <p>Pillow 12.3 begins vertically where a picture is more than a hundred times as high as wide and is made lower; the
 * versions that the published models were trained with do not, and neither does this.
 */
public final class PillowResize {
    private static final int PRECISION = 32 - 8 - 2;

    private PillowResize() {}

    /** Pillow's filters by its names; BICUBIC is Keys' cubic with a = -0.5. */
    public enum Filter {
        BILINEAR(1) {
            @Override
            double at(double x) {
                double a = Math.abs(x);
                return a < 1 ? 1 - a : 0;
            }
        },
        BICUBIC(2) {
            @Override
            double at(double x) {
                double a = Math.abs(x);
                if (a < 1) {
                    return ((A + 2) * a - (A + 3)) * a * a + 1;
                }
                return a < 2 ? (((a - 5) * a + 8) * a - 4) * A : 0;
            }
        },
        LANCZOS(3) {
            @Override
            double at(double x) {
                return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
            }
        };

        private static final double A = -0.5;

        /** Half the filter's width, in pixels of the smaller picture. */
        final double support;

        Filter(double support) {
            this.support = support;
        }

        abstract double at(double x);

        private static double sinc(double x) {
            if (x == 0) {
                return 1;
            }
            double t = x * Math.PI;
            return Math.sin(t) / t;
        }
    }

    /** The picture at another size; 8 bits, one or three channels (Pillow treats opacity apart). */
    public static Image resize(Image image, int width, int height, Filter filter) {
        if (width < 1 || height < 1) {
            throw new ImageException("cannot resize to " + width + "x" + height);
        }
        if (image.channels() == 4) {
            throw new ImageException("resizing needs one or three channels; drop the opacity with rgb() first");
        }
        int c = image.channels();
        byte[] pixels = image.bytes();
        if (width != image.width()) {
            pixels = horizontal(pixels, image.width(), image.height(), c, Weights.of(image.width(), width, filter));
        }
        if (height != image.height()) {
            pixels = vertical(pixels, width * c, Weights.of(image.height(), height, filter));
        }
        return Image.of(width, height, c, pixels);
    }

    /** For each place of the result: the first source, how many, and their weights in fixed point. */
    private record Weights(int[] first, int[][] weight) {
        static Weights of(int in, int out, Filter filter) {
            double scale = (double) in / out;
            double stretch = Math.max(scale, 1);
            double support = filter.support * stretch;
            int[] first = new int[out];
            int[][] weight = new int[out][];
            for (int i = 0; i < out; i++) {
                double centre = (i + 0.5) * scale;
                int low = Math.max((int) (centre - support + 0.5), 0);
                int high = Math.min((int) (centre + support + 0.5), in);
                double[] w = new double[high - low];
                double sum = 0;
                for (int k = 0; k < w.length; k++) {
                    w[k] = filter.at((k + low - centre + 0.5) * (1 / stretch));
                    sum += w[k];
                }
                first[i] = low;
                weight[i] = fixed(w, sum);
            }
            return new Weights(first, weight);
        }

        private static int[] fixed(double[] w, double sum) {
            int[] fixed = new int[w.length];
            for (int k = 0; k < w.length; k++) {
                double v = (sum != 0 ? w[k] / sum : w[k]) * (1 << PRECISION);
                fixed[k] = (int) (v < 0 ? v - 0.5 : v + 0.5);
            }
            return fixed;
        }

        int size() {
            return first.length;
        }
    }

    private static byte[] horizontal(byte[] in, int width, int height, int channels, Weights w) {
        int out = w.size();
        byte[] result = new byte[out * height * channels];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < out; x++) {
                int[] weight = w.weight[x];
                int from = (y * width + w.first[x]) * channels;
                for (int c = 0; c < channels; c++) {
                    int sum = 1 << PRECISION - 1;
                    for (int k = 0; k < weight.length; k++) {
                        sum += (in[from + k * channels + c] & 0xff) * weight[k];
                    }
                    result[(y * out + x) * channels + c] = clamp(sum);
                }
            }
        }
        return result;
    }

    private static byte[] vertical(byte[] in, int row, Weights w) {
        int out = w.size();
        byte[] result = new byte[out * row];
        int[] sums = new int[row];
        for (int y = 0; y < out; y++) {
            Arrays.fill(sums, 1 << PRECISION - 1);
            int[] weight = w.weight[y];
            for (int k = 0; k < weight.length; k++) {
                int from = (w.first[y] + k) * row;
                int f = weight[k];
                for (int i = 0; i < row; i++) {
                    sums[i] += (in[from + i] & 0xff) * f;
                }
            }
            for (int i = 0; i < row; i++) {
                result[y * row + i] = clamp(sums[i]);
            }
        }
        return result;
    }

    private static byte clamp(int sum) {
        return (byte) Math.clamp(sum >> PRECISION, 0, 255);
    }
}
