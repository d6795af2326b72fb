package io.aegis.training.synthetic;

/** What the sensors look at: height and material of every pixel, row by row. Reflectances are linear, 0..1. */
final class Surface {
    final int size;
    /** Height towards the camera in half heights of the head; 0 at the ears. */
    final float[] z;

    final float[] red;
    final float[] green;
    final float[] blue;
    final float[] infrared;
    /** Strength of mirror-like reflection. */
    final float[] gloss;
    /** Share of the surrounding light that gets into folds and hollows. */
    final float[] open;
    /** Light that the pixel itself emits, as a share of its colour: 1 on a screen. */
    final float[] glow;
    /** How much of the pixel is hair, which returns little to a depth sensor. */
    final float[] hair;
    /** How much of the pixel is behind the person. */
    final float[] behind;
    /** How much of the pixel an attack has altered. */
    final float[] altered;

    Surface(int size) {
        this.size = size;
        int n = size * size;
        z = new float[n];
        red = new float[n];
        green = new float[n];
        blue = new float[n];
        infrared = new float[n];
        gloss = new float[n];
        open = new float[n];
        glow = new float[n];
        hair = new float[n];
        behind = new float[n];
        altered = new float[n];
    }

    /** Lays a material over pixel i with the given cover, 0..1; what is there shows through. */
    void paint(int i, float cover, float r, float g, float b, float ir) {
        red[i] += cover * (r - red[i]);
        green[i] += cover * (g - green[i]);
        blue[i] += cover * (b - blue[i]);
        infrared[i] += cover * (ir - infrared[i]);
    }

    /** Lays a material of one colour over pixel i. */
    void paint(int i, float cover, float[] rgb, float ir) {
        paint(i, cover, rgb[0], rgb[1], rgb[2], ir);
    }

    /** Puts something solid before pixel i: its height, and an end to the hair, folds and shine of what it hides. */
    void solid(int i, float cover, float height, float shine) {
        if (cover > 0.5f) {
            z[i] = height;
        }
        gloss[i] += cover * (shine - gloss[i]);
        open[i] += cover * (1 - open[i]);
        hair[i] *= 1 - cover;
        behind[i] *= 1 - cover;
    }

    /** Notes that an attack has covered pixel i. */
    void alter(int i, float cover) {
        altered[i] = Math.max(altered[i], cover);
    }
}
