package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.disc;
import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.slab;
import static io.aegis.training.synthetic.Curves.step;

/** Paints a person: from the shoulders up, layer over layer, each with its height and its reflectance. */
final class Portrait {
    private static final float[] BLACK = {0.012f, 0.01f, 0.009f};

    private final Head head;
    private final Person person;
    private final Surface s;
    private final Grain grain;
    private final float edge;

    private Portrait(Head head, Surface surface, Grain grain) {
        this.head = head;
        this.person = head.person;
        this.s = surface;
        this.grain = grain;
        this.edge = 0.6f * head.pixel;
    }

    static void paint(Head head, Surface surface, Grain grain) {
        Portrait p = new Portrait(head, surface, grain);
        for (int i = 0; i < surface.z.length; i++) {
            p.body(i);
            p.head(i);
        }
    }

    /** Height of the features over the smooth skull at a place on the face. */
    static float relief(Person p, float x, float y) {
        float side = Math.abs(x);
        float along = (y + 0.10f) / 0.48f;
        float nose = 0;
        if (along > 0 && along < 1.25f) {
            float wide = 0.07f + 0.09f * along;
            float profile = along < 1 ? along * (0.35f + 0.65f * along) : 1 - step(1, 1.2f, along);
            nose = p.nose() * profile * bump(x, 0, 1.5f * wide, 1);
        }
        return nose
                + 0.06f * bump(side - p.noseWidth() * 0.72f, y - 0.37f, 0.09f, 0.08f)
                + 0.05f * bump(side - 0.27f, y + 0.20f, 0.26f, 0.11f)
                - 0.13f * bump(side - p.eyes(), y - 0.0f, 0.22f, 0.16f)
                + 0.06f * bump(side - p.eyes(), y - 0.01f, 0.13f, 0.09f)
                + 0.05f * bump(side - 0.42f, y - 0.28f, 0.28f, 0.24f)
                + 0.06f * p.lips() * bump(x, y - 0.585f, 1.25f * p.mouth(), 0.065f)
                + 0.07f * p.lips() * bump(x, y - 0.68f, 1.1f * p.mouth(), 0.075f)
                + 0.07f * bump(x, y - 0.90f, 0.24f, 0.16f);
    }

    private void body(int i) {
        float x = head.x[i];
        float y = head.y[i];
        float w = person.width();
        if (person.sideHair() > 0.5f) {
            float cover = disc(x, y - 0.22f, w + 0.17f, 1.28f, edge) * (1 - step(1.25f, 1.5f, y));
            layer(i, cover, hairColour(i, x, y), person.hairInfrared(), -0.12f, 0.03f);
            s.hair[i] = Math.max(s.hair[i], cover);
        }
        float neckWide = 0.43f + 0.35f * Math.max(0, y - 1.05f) * Math.max(0, y - 1.05f);
        float neck = slab(x, y - 2, neckWide, 1.6f, edge);
        if (neck > 0) {
            float u = Math.min(1, Math.abs(x) / (neckWide + 0.04f));
            skin(i, neck, x, y, -0.15f + 0.40f * (float) Math.sqrt(1 - u * u));
            s.hair[i] *= 1 - neck;
            s.open[i] *= 1 - 0.45f * neck * bump(x, y - 0.95f, 0.75f, 0.42f);
        }
        float top = 1.26f + 0.20f * x * x - 0.16f * bump(Math.abs(x) - 0.42f, 0, 0.2f, 1);
        float collar = 1.24f + 0.9f * Math.max(0, 0.34f - Math.abs(x));
        float cloth = step(-edge, edge, y - Math.max(top, collar));
        if (cloth > 0) {
            float fold = 1 + 0.16f * grain.at(3 * x + 7, 2 * y) + 0.07f * grain.at(23 * x, 23 * y);
            float[] c = person.cloth();
            s.paint(i, cloth, c[0] * fold, c[1] * fold, c[2] * fold, person.clothInfrared() * fold);
            s.solid(i, cloth, -0.12f - 0.16f * x * x + 0.05f * grain.at(3 * x + 7, 2 * y), 0.01f);
        }
    }

    private void head(int i) {
        float x = head.x[i];
        float y = head.y[i];
        float side = Math.abs(x);
        float ear = disc(side - person.width() - 0.015f, y - 0.10f, 0.095f, 0.21f, edge);
        if (ear > 0 && person.sideHair() < 0.5f) {
            skin(i, ear, x, y, 0.05f + 0.06f * bump(side - person.width() - 0.05f, y - 0.1f, 0.1f, 0.22f));
            s.open[i] *= 1 - 0.4f * bump(side - person.width(), y - 0.12f, 0.07f, 0.14f);
        }
        float r2 = head.radius[i];
        float radius = (float) Math.sqrt(r2);
        float cover = step(-edge, edge, (1 - radius) * person.width());
        float fx = head.faceX[i];
        float fy = head.faceY[i];
        if (cover > 0) {
            skin(i, cover, fx, fy, head.skull[i] + (radius < 1 ? relief(person, fx, fy) : 0));
            s.hair[i] *= 1 - cover;
            s.open[i] *= 1 - cover * 0.35f * step(0.75f, 1.05f, radius);
            face(i, cover, fx, fy);
        }
        hairCap(i, x, y, fx, fy);
        if (person.glasses() && cover > 0.5f) {
            spectacles(i, fx, fy);
        }
    }

    private void face(int i, float cover, float x, float y) {
        float side = Math.abs(x);
        float ex = side - person.eyes();
        // hollows catch less light
        s.open[i] *= 1
                - 0.40f * bump(ex + 0.05f, y + 0.04f, 0.24f, 0.15f)
                - 0.30f * bump(x, y - 0.46f, 0.20f, 0.08f)
                - 0.25f * bump(x, y - 0.79f, 0.20f, 0.06f);
        // warmth of cheeks and nose
        float blush = 0.10f * bump(side - 0.40f, y - 0.30f, 0.30f, 0.22f) + 0.10f * bump(x, y - 0.36f, 0.16f, 0.14f);
        blush *= 1 + person.cosmetics();
        s.green[i] *= 1 - blush;
        s.blue[i] *= 1 - blush;
        if (person.beard() > 0) {
            float beard = person.beard()
                    * step(0.30f, 0.62f, y + 0.35f * side)
                    * (1 - bump(x, y - 0.63f, 0.30f, 0.13f))
                    * (0.75f + 0.25f * grain.at(19 * x, 19 * y));
            beard = Math.max(beard, 0.8f * person.beard() * bump(x, y - 0.51f, 0.30f, 0.075f));
            s.paint(i, 0.85f * cover * beard, person.hair(), mix(s.infrared[i], person.hairInfrared() + 0.1f, 0.6f));
        }
        eye(i, cover, x < 0 ? -ex : ex, y);
        float brow = bump(ex + 0.01f, y + 0.205f - 0.5f * ex * ex + 0.12f * ex, 0.20f, 0.062f);
        float darker = Math.min(1, 1.8f * brow * (person.brow() + 0.3f * person.cosmetics()));
        s.paint(i, cover * darker, person.hair(), mix(s.infrared[i], person.hairInfrared(), 0.7f));
        // nostrils
        float nostril = bump(side - 0.5f * person.noseWidth(), y - 0.435f, 0.055f, 0.038f);
        s.paint(i, 0.85f * cover * nostril, BLACK, 0.15f);
        mouth(i, cover, x, y);
    }

    /** One eye, around the origin. */
    private void eye(int i, float cover, float x, float y) {
        float size = person.eyeSize();
        float open = 0.078f * size * (1 - x * x / (0.15f * 0.15f * size * size));
        float white = step(-edge, edge, open - Math.abs(y - 0.005f)) * cover;
        if (open > -0.06f) {
            float lash = bump(x, (y + open) * 0.8f, 0.19f, 0.045f) * (0.85f + 0.15f * person.cosmetics());
            float shadow = 0.5f * person.cosmetics() * bump(x, y + 0.10f, 0.22f, 0.085f);
            s.paint(i, 0.5f * cover * shadow, BLACK, s.infrared[i]);
            s.paint(i, white, 0.42f, 0.39f, 0.37f, 0.48f);
            float ix = x - person.gaze();
            float iy = y - 0.004f;
            s.paint(i, disc(ix, iy, 0.074f, 0.074f, edge) * white, person.iris(), 0.30f);
            s.paint(i, disc(ix, iy, 0.036f, 0.036f, edge) * white, BLACK, 0.06f);
            s.paint(i, Math.min(1, cover * lash), BLACK, 0.2f);
            s.gloss[i] = mix(s.gloss[i], 0.1f, white);
        }
        // crease of the upper lid
        s.open[i] *= 1 - 0.25f * bump(x, y + 0.115f, 0.18f, 0.035f);
    }

    private void mouth(int i, float cover, float x, float y) {
        float half = person.mouth();
        float bow = 0.03f * (x / half) * (x / half);
        float upper = disc(x, y - 0.600f + bow * 0.3f, half, 0.046f * person.lips(), edge);
        float lower = disc(x, y - 0.668f + bow, 0.92f * half, 0.060f * person.lips(), edge);
        float lip = Math.max(upper, lower) * cover;
        float[] skin = person.skin();
        float paint = 0.6f * person.cosmetics() * person.lipColour();
        s.paint(
                i,
                0.8f * lip,
                skin[0] * (0.80f - 0.1f * paint) + 0.08f * paint,
                skin[1] * (0.56f - 0.4f * paint),
                skin[2] * (0.62f - 0.3f * paint),
                s.infrared[i] * 0.88f);
        s.gloss[i] += 0.1f * lip;
        float line = bump(x, y - 0.630f + 0.4f * bow, 1.05f * half, 0.024f);
        s.paint(i, Math.min(1, 0.9f * cover * line), BLACK, 0.25f);
    }

    private void hairCap(int i, float x, float y, float fx, float fy) {
        if (person.hairline() < -1) {
            return;
        }
        float wave = 0.05f * grain.at(5 * fx + 3, 1.5f) + 0.02f * grain.at(17 * fx, 2.5f);
        float side = Math.abs(fx) / person.width();
        float line = mix(person.hairline(), person.sideHair(), step(0.62f, 0.96f, side)) + wave;
        float inside = disc(x, y + 0.03f, person.width() + 0.075f, 1.09f, edge);
        float cover = inside * step(-1.5f * edge, 1.5f * edge, line - fy);
        if (cover > 0) {
            float bulge = head.skull[i] + 0.06f;
            float[] c = hairColour(i, fx, fy);
            layer(i, cover, c, person.hairInfrared() * (1 + 0.25f * grain.at(26 * fx, 5 * fy)), bulge, 0.05f);
            s.hair[i] = Math.max(s.hair[i], cover);
        }
    }

    private void spectacles(int i, float x, float y) {
        float side = Math.abs(x) - person.eyes();
        float ring = Lens.frame(side, y, 0.02f, head.pixel);
        float bridge = slab(Math.abs(x), y + 0.02f, person.eyes() - 0.17f, 0.012f, edge);
        float cover = Math.min(1, Math.max(ring, bridge));
        s.paint(i, cover, 0.02f, 0.02f, 0.025f, 0.12f);
        if (cover > 0.6f) {
            s.z[i] += 0.05f;
        }
        float glass = Lens.inside(side, y, edge);
        s.gloss[i] = mix(s.gloss[i], 0.35f, 0.6f * glass);
    }

    private float[] hairColour(int i, float x, float y) {
        float streak = 1 + 0.35f * grain.at(26 * x, 5 * y) + 0.25f * grain.at(9 * x + 4, 2 * y);
        float[] c = person.hair();
        return new float[] {c[0] * streak, c[1] * streak, c[2] * streak};
    }

    private void layer(int i, float cover, float[] rgb, float ir, float z, float gloss) {
        s.paint(i, cover, rgb, ir);
        s.solid(i, cover, z, gloss);
    }

    private void skin(int i, float cover, float x, float y, float z) {
        float patch = 1 + 0.05f * grain.at(6 * x + 11, 6 * y) + 0.045f * grain.at(25 * x, 25 * y + 5);
        float[] c = person.skin();
        float ir = person.skinInfrared() * (1 + 0.4f * (patch - 1));
        s.paint(i, cover, c[0] * patch, c[1] * patch, c[2] * patch, ir);
        float oily = 1 + bump(x, y + 0.45f, 0.35f, 0.2f) + bump(x, y - 0.2f, 0.1f, 0.3f);
        s.solid(i, cover, z, person.gloss() * oily);
    }
}
