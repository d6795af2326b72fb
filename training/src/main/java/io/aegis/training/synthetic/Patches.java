package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.slab;
import static io.aegis.training.synthetic.Curves.step;

/** Attacks on part of the face: something printed before the eyes or the mouth. */
final class Patches {
    private Patches() {}

    /** Frames with opaque discs, on which eyes are printed. */
    static void glasses(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        float shiftX = 0.05f * d.normal() / p.head.pixel;
        float shiftY = 0.04f * d.normal() / p.head.pixel;
        Presentation.Ink ink = Presentation.Ink.draw(d, 1, p.head.person);
        float z = Head.DEEP + d.between(0.08, 0.16);
        float frame = d.between(0.02, 0.12);
        Surface s = p.surface;
        Person person = p.head.person;
        for (int i = 0; i < s.z.length; i++) {
            float x = p.head.faceX[i];
            float y = p.head.faceY[i];
            float side = Math.abs(x) - person.eyes();
            float disc = Lens.inside(side, y, p.edge);
            float rim = Math.max(
                    Lens.frame(side, y, 0.025f, p.head.pixel),
                    slab(Math.abs(x), y + 0.02f, person.eyes() - 0.17f, 0.02f, p.edge));
            float cover = Math.min(1, Math.max(disc, rim)) * (p.head.radius[i] < 1.05f ? 1 : 0);
            if (cover <= 0) {
                continue;
            }
            float column = i % s.size + shiftX;
            float row = i / s.size + shiftY;
            ink.lay(s, i, disc, photo, column, row);
            s.paint(i, rim, frame, frame, frame, 0.15f);
            s.solid(i, cover, z, 0.1f);
            s.alter(i, cover);
        }
    }

    /** A strip of paper from temple to temple. */
    static void eyes(Presentation p, Draws d) {
        strip(p, d, 0, -0.05f, d.between(0.55, 0.66), d.between(0.21, 0.28));
    }

    /** A piece of paper over mouth and chin. */
    static void mouth(Presentation p, Draws d) {
        strip(p, d, 0, 0.68f, d.between(0.38, 0.48), d.between(0.21, 0.27));
    }

    private static void strip(Presentation p, Draws d, float x0, float y0, float halfX, float halfY) {
        Picture photo = p.photograph(d);
        Presentation.Ink ink = Presentation.Ink.draw(d, 1, p.head.person);
        float shiftX = 0.035f * d.normal() / p.head.pixel;
        float shiftY = 0.025f * d.normal() / p.head.pixel;
        float turn = 0.05f * d.normal();
        float off = d.between(0.10, 0.18);
        float middle = Head.DEEP * (float) Math.sqrt(1 - y0 * y0 * (0.45f + 0.55f * y0 * y0));
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float x = p.head.faceX[i] - x0;
            float y = p.head.faceY[i] - y0;
            float cover =
                    slab(x + turn * y, y - turn * x, halfX, halfY, p.edge) * (1 - step(0.97f, 1.03f, p.head.radius[i]));
            if (cover <= 0) {
                continue;
            }
            ink.lay(s, i, cover, photo, i % s.size + shiftX, i / s.size + shiftY);
            // bent around the head, straight up and down
            float round = p.head.skull[i] - middle;
            float z = middle + off - 0.75f * x * x;
            s.solid(i, cover, Math.max(z, mix(middle, p.head.skull[i], 0.5f)) + 0.1f * Math.max(0, round), 0.03f);
            s.alter(i, cover);
        }
    }
}
