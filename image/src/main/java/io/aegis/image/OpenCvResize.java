package io.aegis.image;

/**
 * Resizing as OpenCV's {@code resize(..., INTER_LINEAR)} does it on 8-bit pictures, bit for bit (versions 4 and 5): two
 * neighbours a direction whatever the scale, so nothing is antialiased; weights in fixed point of 11 bits; the vertical
 * sum drops bits before it multiplies, as the vector code does.
 */
public final class OpenCvResize {
    private static final int ONE = 1 << 11;

    private OpenCvResize() {}

    /** The picture at another size; 8 bits. */
    public static Image linear(Image image, int width, int height) {
        if (width < 1 || height < 1) {
            throw new ImageException("cannot resize to " + width + "x" + height);
        }
        int c = image.channels();
        byte[] in = image.bytes();
        Taps columns = Taps.of(image.width(), width, true);
        Taps rows = Taps.of(image.height(), height, false);
        byte[] out = new byte[width * height * c];
        int[] upper = new int[width * c];
        int[] lower = new int[width * c];
        for (int y = 0; y < height; y++) {
            horizontal(in, rows.left[y] * image.width() * c, c, columns, upper);
            horizontal(in, rows.right[y] * image.width() * c, c, columns, lower);
            int a = rows.leftWeight[y];
            int b = rows.rightWeight[y];
            for (int i = 0; i < upper.length; i++) {
                int sum = (a * (upper[i] >> 4) >> 16) + (b * (lower[i] >> 4) >> 16);
                out[y * upper.length + i] = (byte) (sum + 2 >> 2);
            }
        }
        return Image.of(width, height, c, out);
    }

    private static void horizontal(byte[] in, int row, int channels, Taps t, int[] out) {
        for (int x = 0; x < t.left.length; x++) {
            for (int c = 0; c < channels; c++) {
                int left = in[row + t.left[x] * channels + c] & 0xff;
                int right = in[row + t.right[x] * channels + c] & 0xff;
                out[x * channels + c] = left * t.leftWeight[x] + right * t.rightWeight[x];
            }
        }
    }

    /** The two sources of each place and their weights, which sum to 2048. */
    private record Taps(int[] left, int[] right, int[] leftWeight, int[] rightWeight) {
        /**
         * Beyond the edge both sources are the edge. Columns then weigh it 1; rows keep the fraction, which matters because
         * each product is cut by itself.
         */
        static Taps of(int in, int out, boolean columns) {
            Taps t = new Taps(new int[out], new int[out], new int[out], new int[out]);
            double scale = 1 / ((double) out / in);
            for (int i = 0; i < out; i++) {
                float at = (float) ((i + 0.5) * scale - 0.5);
                int low = (int) Math.floor(at);
                float fraction = at - low;
                if (columns && (low < 0 || low >= in - 1)) {
                    fraction = 0;
                }
                t.left[i] = Math.clamp(low, 0, in - 1);
                t.right[i] = Math.clamp(low + 1, 0, in - 1);
                t.leftWeight[i] = (int) Math.rint((1 - fraction) * ONE);
                t.rightWeight[i] = (int) Math.rint(fraction * ONE);
            }
            return t;
        }
    }
}
