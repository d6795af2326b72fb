package io.aegis.training.synthetic;

/** A separable 1-2-1 filter, repeated; the border is repeated. */
final class Blur {
    private Blur() {}

    /**
     * In place.
     *
     * @param passes how often at 64 pixels, also a fraction; other sizes are filtered to the same share of the picture
     * @param spare as large as the plane
     */
    static void apply(float[] plane, int size, double passes, float[] spare) {
        double scaled = passes * size * size / 4096.0;
        while (scaled > 0.01) {
            float side = 0.25f * (float) Math.min(1, scaled);
            for (int row = 0; row < size; row++) {
                int from = row * size;
                for (int c = 0; c < size; c++) {
                    float left = plane[from + Math.max(0, c - 1)];
                    float right = plane[from + Math.min(size - 1, c + 1)];
                    spare[from + c] = plane[from + c] * (1 - 2 * side) + side * (left + right);
                }
            }
            for (int row = 0; row < size; row++) {
                int from = row * size;
                int up = Math.max(0, row - 1) * size;
                int down = Math.min(size - 1, row + 1) * size;
                for (int c = 0; c < size; c++) {
                    plane[from + c] = spare[from + c] * (1 - 2 * side) + side * (spare[up + c] + spare[down + c]);
                }
            }
            scaled -= 1;
        }
    }
}
