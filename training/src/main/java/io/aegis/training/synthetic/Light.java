package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.clamp;

/**
 * One lamp and light from everywhere (Lambert's law, softened at the terminator as by skin, with a Blinn highlight).
 *
 * @param x direction to the lamp, to the right
 * @param y direction to the lamp, downwards
 * @param z direction to the lamp, towards the camera; a unit vector
 * @param ambient share of light from everywhere, 0..1
 */
record Light(float x, float y, float z, float ambient) {
    private static final float WRAP = 0.2f;

    static Light towards(float x, float y, float ambient) {
        float n = (float) Math.sqrt(x * x + y * y + 1);
        return new Light(x / n, y / n, 1 / n, clamp(ambient, 0.15f, 0.85f));
    }

    /** The lamp of a domain, with the variation between one sitting and the next. */
    static Light in(Domain.Colour c, Draws d) {
        float x = (float) c.lightX() + 0.45f * d.normal();
        float y = (float) c.lightY() + 0.25f * d.normal();
        return towards(x, y, (float) c.ambient() + 0.10f * d.normal());
    }

    /**
     * Light that leaves every pixel towards the camera, linear.
     *
     * @param slopes of the surface
     */
    Picture shade(Surface s, Slopes slopes) {
        Picture out = new Picture(s.size);
        float hx = x;
        float hy = y;
        float hz = z + 1;
        float hn = 1 / (float) Math.sqrt(hx * hx + hy * hy + hz * hz);
        for (int i = 0; i < s.z.length; i++) {
            float own = s.glow[i];
            float gx = slopes.x()[i];
            float gy = slopes.y()[i];
            float n = 1 / (float) Math.sqrt(gx * gx + gy * gy + 1);
            float lambert = (z - x * gx - y * gy) * n;
            float lamp = Math.max(0, (lambert + WRAP) / (1 + WRAP));
            float light = s.open[i] * (ambient + (1 - ambient) * 1.25f * lamp);
            float mirror = (hz - hx * gx - hy * gy) * n * hn;
            float shine = mirror <= 0 ? 0 : s.gloss[i] * (1 - ambient) * power16(mirror);
            light = own + (1 - own) * light;
            out.red[i] = s.red[i] * light + shine;
            out.green[i] = s.green[i] * light + shine;
            out.blue[i] = s.blue[i] * light + shine;
        }
        return out;
    }

    static float power16(float v) {
        float v2 = v * v;
        float v4 = v2 * v2;
        float v8 = v4 * v4;
        return v8 * v8;
    }
}
