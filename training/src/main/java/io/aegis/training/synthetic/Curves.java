package io.aegis.training.synthetic;

/** The few curves that faces are made of. Only sums, products and roots: the same bits on every machine. */
final class Curves {
    private static final int STEPS = 1024;
    private static final float[] GAMMA = new float[STEPS + 2];
    private static final float[] SINE = new float[STEPS + 1];

    static {
        for (int i = 0; i < GAMMA.length; i++) {
            GAMMA[i] = (float) StrictMath.pow(i / (double) STEPS, 1 / 2.2);
        }
        for (int i = 0; i <= STEPS; i++) {
            SINE[i] = (float) StrictMath.sin(2 * Math.PI * i / STEPS);
        }
    }

    private Curves() {}

    static float clamp(float v, float low, float high) {
        return Math.max(low, Math.min(high, v));
    }

    static float mix(float a, float b, float t) {
        return a + (b - a) * t;
    }

    /** 0 at and below {@code low}, 1 at and above {@code high}, smooth between. */
    static float step(float low, float high, float v) {
        float t = clamp((v - low) / (high - low), 0, 1);
        return t * t * (3 - 2 * t);
    }

    /** A smooth hill: 1 at the centre, 0 outside the ellipse of radii rx and ry. */
    static float bump(float x, float y, float rx, float ry) {
        float u = x / rx;
        float v = y / ry;
        float d = 1 - (u * u + v * v);
        return d <= 0 ? 0 : d * d;
    }

    /** 1 inside the ellipse, 0 outside, with an edge about {@code edge} wide. */
    static float disc(float x, float y, float rx, float ry, float edge) {
        float u = x / rx;
        float v = y / ry;
        float r = (float) Math.sqrt(u * u + v * v);
        float inside = (1 - r) * Math.min(rx, ry);
        return step(-edge, edge, inside);
    }

    /** 1 inside the rectangle of half widths hx and hy, 0 outside, with a soft edge. */
    static float slab(float x, float y, float hx, float hy, float edge) {
        return step(-edge, edge, Math.min(hx - Math.abs(x), hy - Math.abs(y)));
    }

    /** The sine of {@code turns} full turns, from a table. */
    static float sine(float turns) {
        float t = turns - (float) Math.floor(turns);
        return SINE[(int) (t * STEPS)];
    }

    /** Linear light to display values, exponent 1/2.2. */
    static float toDisplay(float light) {
        float v = clamp(light, 0, 1) * STEPS;
        int i = (int) v;
        return mix(GAMMA[i], GAMMA[i + 1], v - i);
    }
}
