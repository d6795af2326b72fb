package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.clamp;
import static io.aegis.training.synthetic.Curves.mix;

/** A picture in linear light, a plane a colour, row by row. */
final class Picture {
    final int size;
    final float[] red;
    final float[] green;
    final float[] blue;

    Picture(int size) {
        this.size = size;
        red = new float[size * size];
        green = new float[size * size];
        blue = new float[size * size];
    }

    /** The value of a plane between pixels, with the border repeated. */
    float sample(float[] plane, float column, float row) {
        float x = clamp(column, 0, size - 1);
        float y = clamp(row, 0, size - 1);
        int x0 = Math.min((int) x, size - 2);
        int y0 = Math.min((int) y, size - 2);
        int i = y0 * size + x0;
        return mix(mix(plane[i], plane[i + 1], x - x0), mix(plane[i + size], plane[i + size + 1], x - x0), y - y0);
    }
}
