package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.clamp;
import static io.aegis.training.synthetic.Curves.toDisplay;

/** Takes the three pictures of a surface with the sensors of a domain, as they happen to be set at one sitting. */
final class Sensors {
    private final Domain domain;
    private final long seed;
    private final int size;
    private final float[] spare;
    private final double softness;
    // what differs from one sitting to the next
    private final float exposure;
    private final float warm;
    private final float tint;
    private final float contrast;
    private final float blur;
    private final float near;
    private final float steepness;
    private final float lamp;
    private final float stray;
    private final float grain;

    Sensors(Domain domain, long seed, int size, Cues cues) {
        this.domain = domain;
        this.seed = seed;
        this.size = size;
        this.spare = new float[size * size];
        this.softness = cues.softness();
        Draws d = new Draws(seed, Draws.Site.SENSOR);
        exposure = 1 + 0.13f * d.normal();
        warm = 0.05f * d.normal();
        tint = 0.03f * d.normal();
        contrast = 1 + 0.07f * d.normal();
        blur = d.between(0, 1.1);
        near = 0.03f * d.normal();
        steepness = 1 + 0.12f * d.normal();
        lamp = 1 + 0.10f * d.normal();
        stray = 0.02f + 0.02f * d.normal();
        grain = d.between(0.7, 1.4);
    }

    /** Red, green, blue of every pixel, row by row, gamma-coded. */
    byte[] colour(Surface s, Light light, Slopes slopes) {
        Domain.Colour c = domain.colour();
        Picture p = light.shade(s, slopes);
        double passes = softness * (c.blur() + blur);
        Blur.apply(p.red, size, passes, spare);
        Blur.apply(p.green, size, passes, spare);
        Blur.apply(p.blue, size, passes, spare);
        float gain = (float) c.exposure() * exposure;
        float r = gain * (float) c.red() * (1 + warm);
        float g = gain * (float) c.green() * (1 + tint);
        float b = gain * (float) c.blue() * (1 - warm);
        float slope = (float) c.contrast() * contrast;
        float noise = (float) c.noise() * grain;
        Draws d = new Draws(seed, Draws.Site.NOISE_RGB);
        byte[] out = new byte[3 * size * size];
        for (int i = 0; i < size * size; i++) {
            out[3 * i] = tone(p.red[i] * r, slope, noise * d.normal());
            out[3 * i + 1] = tone(p.green[i] * g, slope, noise * d.normal());
            out[3 * i + 2] = tone(p.blue[i] * b, slope, noise * d.normal());
        }
        return out;
    }

    /** How many pixels away a change of the surface can be seen: one by its slope, the rest by blur. */
    int spread() {
        double passes = Math.max(
                Math.max(
                        softness * (domain.colour().blur() + blur),
                        domain.depth().blur()),
                domain.infrared().blur() + 0.4 * blur);
        return 1 + (int) Math.ceil(passes * size * size / 4096);
    }

    private static byte tone(float light, float slope, float noise) {
        float v = toDisplay(light);
        return grey(0.45f + (v - 0.45f) * slope + noise * (1.3f - 0.6f * v));
    }

    /** Nearness of every pixel: bright is near, 0 is no answer. */
    byte[] depth(Surface s, Slopes slopes) {
        Domain.Depth c = domain.depth();
        float[] v = new float[size * size];
        float slope = (float) c.slope() * steepness;
        for (int i = 0; i < v.length; i++) {
            v[i] = clamp((float) c.near() + near + slope * (s.z[i] - 1), 0.02f, 1);
        }
        Blur.apply(v, size, c.blur(), spare);
        Draws d = new Draws(seed, Draws.Site.NOISE_DEPTH);
        float noise = (float) c.noise() * grain;
        int levels = c.levels() - 1;
        byte[] out = new byte[v.length];
        for (int i = 0; i < v.length; i++) {
            float far = 1.5f - v[i];
            float value = v[i] + noise * far * d.normal();
            float gx = slopes.x()[i];
            float gy = slopes.y()[i];
            float steep = clamp((gx * gx + gy * gy - 4) * 0.05f, 0, 1);
            float lost = (float) c.holes() * (0.05f + 3 * steep + 4 * s.hair[i]);
            boolean hole = d.unit() < lost || c.cutOut() && s.behind[i] > 0.5f;
            out[i] = hole ? 0 : grey(Math.round(clamp(value, 0.01f, 1) * levels) / (float) levels);
        }
        return out;
    }

    /** Infrared light of a lamp beside the lens, returned by every pixel. */
    byte[] infrared(Surface s, Slopes slopes) {
        Domain.Infrared c = domain.infrared();
        float[] v = new float[size * size];
        // projectors light a scene unevenly, in a pattern of their own
        Grain uneven = new Grain(new Draws(seed, Draws.Site.LAMP));
        float around = Math.max(0, (float) c.ambient() + stray);
        for (int row = 0, i = 0; row < size; row++) {
            for (int column = 0; column < size; column++, i++) {
                float gx = slopes.x()[i];
                float gy = slopes.y()[i];
                float facing = 1 / (float) Math.sqrt(1 + 0.4f * (gx * gx + gy * gy));
                float away = 1 + (float) c.falloff() * Math.max(0, 1 - s.z[i]) * 0.5f;
                float u = 2f * column / size - 1;
                float w = 2f * row / size - 1;
                float rim = 1 - (float) c.vignette() * 0.5f * (u * u + w * w);
                float patchy = 1 + 0.19f * uneven.at(4.5f * u + 16, 4.5f * w + 16);
                float beam = patchy * rim / (away * away);
                float hollow = 0.75f + 0.25f * s.open[i];
                float mirror = Light.power16(Light.power16(facing)) * s.gloss[i] * 0.5f;
                v[i] = s.infrared[i] * hollow * (beam * facing * lamp + around) + mirror * beam;
                v[i] *= (float) c.gain();
            }
        }
        Blur.apply(v, size, c.blur() + 0.4 * blur, spare);
        Draws d = new Draws(seed, Draws.Site.NOISE_INFRARED);
        float noise = (float) c.noise() * grain;
        byte[] out = new byte[v.length];
        for (int i = 0; i < v.length; i++) {
            float level = Math.max(0, v[i]);
            // between linear and gamma-coded, as such cameras deliver it; bright parts bend instead of clipping
            float bent = level / (0.45f + 0.75f * level);
            out[i] = grey(bent * 0.95f + noise * (0.6f + 0.8f * bent) * d.normal());
        }
        return out;
    }

    private static byte grey(float v) {
        return (byte) Math.round(255 * clamp(v, 0, 1));
    }
}
