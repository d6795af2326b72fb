package io.aegis.training.synthetic;

/**
 * How steep a surface is at every pixel, heights over lengths.
 *
 * @param x slope to the right
 * @param y slope downwards
 */
record Slopes(float[] x, float[] y) {
    /** Steps higher than this between pixels are edges of things, not slopes. */
    private static final float STEP = 0.12f;

    /** @param pixel length of a pixel, in the unit of heights */
    static Slopes of(Surface s, float pixel) {
        int size = s.size;
        float[] z = s.z;
        float[] x = new float[z.length];
        float[] y = new float[z.length];
        float per = 1 / pixel;
        for (int row = 0, i = 0; row < size; row++) {
            int up = row == 0 ? 0 : size;
            int down = row == size - 1 ? 0 : size;
            for (int column = 0; column < size; column++, i++) {
                int left = column == 0 ? 0 : 1;
                int right = column == size - 1 ? 0 : 1;
                x[i] = per * slope(z[i] - z[i - left], z[i + right] - z[i]);
                y[i] = per * slope(z[i] - z[i - up], z[i + down] - z[i]);
            }
        }
        return new Slopes(x, y);
    }

    /** The mean of both sides, or at an edge the flatter one: what is beyond an edge does not bend the surface. */
    private static float slope(float back, float ahead) {
        float a = Math.abs(back);
        float b = Math.abs(ahead);
        return Math.max(a, b) < STEP ? 0.5f * (back + ahead) : a < b ? back : ahead;
    }
}
