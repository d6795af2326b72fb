package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.disc;
import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.sine;
import static io.aegis.training.synthetic.Curves.slab;
import static io.aegis.training.synthetic.Curves.step;

/** Printed pieces before the eyes or the mouth, cut by hand, and toy glasses with printed eyes. */
final class WornPatches {
    private static final float SEEN_BORDER = 0.03f;
    private static final float SEEN_TONE = 0.10f;

    private WornPatches() {}

    /** Glasses of card in a bright colour, with eyes printed in place of lenses. */
    static void glasses(Presentation p, Draws d) {
        Prints print = Prints.draw(p, d);
        float scale = d.between(1.0, 1.35);
        float thick = d.between(0.035, 0.075);
        float hue = d.unit();
        float light = d.between(0.15, 0.6);
        float[] frame = {
            light * (0.5f + 0.5f * sine(hue)),
            light * (0.5f + 0.5f * sine(hue + 0.33f)),
            light * (0.5f + 0.5f * sine(hue + 0.67f))
        };
        float iris = d.between(0.35, 0.55);
        float gazeX = 0.03f * d.normal();
        float gazeY = 0.03f * d.normal();
        float opening = d.between(0.08, 0.13);
        boolean round = d.chance(0.5);
        float[] colour = p.head.person.iris();
        Surface s = p.surface;
        Head h = p.head;
        float eyes = Math.max(h.person.eyes(), 0.235f * scale);
        for (int i = 0; i < s.z.length; i++) {
            float x = h.faceX[i];
            float y = h.faceY[i];
            float side = Math.abs(x) - eyes;
            float lens = lens(side, y, scale, 0, round, p.edge);
            float out = lens(side, y, scale, thick, round, p.edge);
            float bridge = slab(x, y + 0.03f, eyes - 0.15f * scale, 0.5f * thick + 0.015f, p.edge);
            float arm = slab(Math.abs(x) - eyes - 0.3f * scale, y + 0.04f, 0.12f, 0.4f * thick + 0.012f, p.edge);
            float cover = Math.max(out, Math.max(bridge, arm)) * (h.radius[i] < 1.08f ? 1 : 0);
            float below = lens(side, y - 0.07f, scale, thick, round, 3 * p.edge) * (1 - cover);
            if (below > 0 && h.radius[i] < 1) {
                s.open[i] *= 1 - 0.35f * below;
                s.alter(i, 0.2f);
            }
            if (cover <= 0) {
                continue;
            }
            s.paint(i, cover, frame, 0.15f);
            print.bare(s, i, cover * lens);
            float ex = (x < 0 ? -side : side) - gazeX;
            float ey = y - gazeY;
            float lid = opening * (1 - ex * ex / (0.17f * 0.17f * scale * scale));
            float line = bump(Math.abs(y) - Math.max(0, lid), 0, 0.028f, 1) * (Math.abs(ex) < 0.17f * scale ? 1 : 0);
            s.paint(i, lens * line, 0.03f, 0.03f, 0.03f, 0.1f);
            float seen = lens * step(-p.edge, p.edge, lid - Math.abs(y));
            float radius = iris * 0.17f * scale;
            s.paint(i, seen * disc(ex, ey, radius, radius, p.edge), colour, 0.2f);
            s.paint(i, seen * disc(ex, ey, 0.5f * radius, 0.5f * radius, p.edge), 0.02f, 0.02f, 0.02f, 0.06f);
            s.solid(i, cover, Head.DEEP + 0.14f, 0.08f);
            s.alter(i, cover);
        }
        p.show(Sign.PRINTED_EYES, true);
        p.show(Sign.TOY_FRAME, true);
    }

    private static float lens(float x, float y, float scale, float more, boolean round, float edge) {
        float w = 0.205f * scale + more;
        float t = 0.16f * scale + more;
        return round ? disc(x, y, w, t * 1.1f, edge) : slab(x, y, w, 0.85f * t, edge);
    }

    /** A strip of paper from temple to temple. */
    static void eyes(Presentation p, Draws d) {
        strip(p, d, -0.04f, d.between(0.52, 0.72), d.between(0.20, 0.31));
    }

    /** A piece of paper over mouth and chin. */
    static void mouth(Presentation p, Draws d) {
        strip(p, d, 0.64f, d.between(0.34, 0.52), d.between(0.20, 0.31));
    }

    private static void strip(Presentation p, Draws d, float y0, float halfX, float halfY) {
        Picture photo = p.photograph(d);
        Prints print = Prints.draw(p, d);
        float shiftX = 0.05f * d.normal() / p.head.pixel;
        float shiftY = 0.04f * d.normal() / p.head.pixel;
        float alongX = 0.04f * d.normal();
        float alongY = 0.035f * d.normal();
        float turn = 0.07f * d.normal();
        float border = d.chance(0.7) ? d.between(0.015, 0.07) : 0;
        float tone = (d.chance(0.5) ? 1 : -1) * d.between(0.03, 0.22);
        float shadow = d.between(0.15, 0.5);
        float off = d.between(0.10, 0.18);
        float middle = Head.DEEP * (float) Math.sqrt(1 - y0 * y0 * (0.45f + 0.55f * y0 * y0));
        Surface s = p.surface;
        Head h = p.head;
        for (int i = 0; i < s.z.length; i++) {
            float x = h.faceX[i] - alongX;
            float y = h.faceY[i] - y0 - alongY;
            float u = x + turn * y;
            float v = y - turn * x;
            float onHead = 1 - step(1.0f, 1.08f, h.radius[i]);
            float cover = slab(u, v, halfX, halfY, p.edge) * onHead;
            float below = slab(u - 0.02f, v - 0.07f, halfX, halfY, 2.5f * p.edge) * onHead * (1 - cover);
            if (below > 0) {
                s.open[i] *= 1 - shadow * below;
                s.alter(i, 0.2f);
            }
            if (cover <= 0) {
                continue;
            }
            print.bare(s, i, cover);
            int column = i % s.size;
            int row = i / s.size;
            float printed = slab(u, v, halfX - border, halfY - border, p.edge) * onHead;
            print.lay(s, i, cover * printed, photo, column + shiftX, row + shiftY, column, row);
            s.red[i] *= 1 + cover * tone;
            s.green[i] *= 1 + cover * tone;
            s.blue[i] *= 1 + cover * tone;
            float around = h.skull[i] - middle;
            float z = middle + off - 0.75f * x * x;
            s.solid(i, cover, Math.max(z, mix(middle, h.skull[i], 0.5f)) + 0.1f * Math.max(0, around), 0.03f);
            s.alter(i, cover);
        }
        print.note(p);
        p.show(Sign.STRIP_BORDER, border > SEEN_BORDER);
        p.show(Sign.OTHER_TONE, Math.abs(tone) > SEEN_TONE);
    }
}
