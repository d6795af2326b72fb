package io.aegis.image;

/**
 * From 8-bit samples to a model's floats: a table of 256 values a channel, and the change from interleaved to planar.
 */
public final class Normalization {
    /** SigLIP: mean and standard deviation 0.5. */
    public static final Normalization SIGLIP = of(new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5});

    /** CLIP: its training pictures' means and standard deviations. */
    public static final Normalization CLIP =
            of(new double[] {0.48145466, 0.4578275, 0.40821073}, new double[] {0.26862954, 0.26130258, 0.27577711});

    /** DADM: (v - 127.5) / 128. */
    public static final Normalization DADM = dadm();

    private final float[][] table;

    private Normalization(float[][] table) {
        this.table = table;
    }

    /**
     * (v / 255 - mean) / deviation for red, green, blue, rounded as Hugging Face's image processors do: v (1 / 255) in
     * float64, then to float32, then subtraction and division in float32.
     */
    public static Normalization of(double[] mean, double[] deviation) {
        if (mean.length != 3 || deviation.length != 3) {
            throw new ImageException("normalisation needs three means and three standard deviations, not " + mean.length
                    + " and " + deviation.length);
        }
        float[][] table = new float[3][256];
        for (int c = 0; c < 3; c++) {
            for (int v = 0; v < 256; v++) {
                table[c][v] = ((float) (v * (1.0 / 255)) - (float) mean[c]) / (float) deviation[c];
            }
        }
        return new Normalization(table);
    }

    private static Normalization dadm() {
        float[][] table = new float[3][256];
        for (float[] channel : table) {
            for (int v = 0; v < 256; v++) {
                channel[v] = (v - 127.5f) / 128;
            }
        }
        return new Normalization(table);
    }

    /** One sample's value. */
    public float of(int sample, int channel) {
        return table[channel][sample];
    }

    /** The picture as RGB, [3, height, width]. */
    public float[] apply(Image image) {
        float[] out = new float[3 * image.width() * image.height()];
        apply(image, out, 0);
        return out;
    }

    /** The picture as RGB, [3, height, width], written to {@code out} from {@code offset}; a row of a batch. */
    public void apply(Image image, float[] out, int offset) {
        byte[] p = image.rgb().bytes();
        int n = p.length / 3;
        for (int c = 0; c < 3; c++) {
            float[] values = table[c];
            for (int i = 0; i < n; i++) {
                out[offset + c * n + i] = values[p[3 * i + c] & 0xff];
            }
        }
    }
}
