package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.disc;
import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.sine;
import static io.aegis.training.synthetic.Curves.step;

/** Masks of paper, plastic and silicone as they are bought: with rims, holes, seams and the look of their material. */
final class WornMasks {
    private static final float SEEN_SHINE = 0.35f;
    private static final float SEEN_WRINKLES = 0.28f;

    private WornMasks() {}

    /** A print cut out along the face, with holes for the eyes. */
    static void paper(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        Prints print = Prints.draw(p, d);
        float reach = d.between(0.90, 1.06);
        float rim = d.between(0.02, 0.09);
        float corners = d.between(0.0, 0.035);
        float turns = d.between(4, 9);
        float phase = d.unit();
        float hole = d.between(0.85, 1.15);
        float gap = d.between(0.2, 0.8);
        float bend = d.between(0.35, 0.7);
        float lean = 0.08f * d.normal();
        boolean folded = d.chance(0.45);
        float fold = 0.12f * d.normal();
        Surface s = p.surface;
        Head h = p.head;
        for (int i = 0; i < s.z.length; i++) {
            float x = h.faceX[i];
            float y = h.faceY[i];
            float radius = (float) Math.sqrt(h.radius[i]);
            // scissors cut straight pieces
            float cut = reach + corners * sine(turns * angle(h.x[i], h.y[i]) + phase);
            float inside = (cut - radius) * h.person.width();
            float top = y + 0.72f;
            float cover = step(-p.edge, p.edge, inside) * step(-p.edge, p.edge, top);
            dim(s, i, 0.4f * bump(Math.max(0, -inside), Math.max(0, -top), 0.12f, 0.12f) * (1 - cover));
            float eye = eye(h, i, hole, p.edge);
            dim(s, i, gap * cover * eye * (1 - eye(h, i, 0.72f * hole, 2 * p.edge)));
            cover *= 1 - eye;
            if (cover <= 0) {
                continue;
            }
            print.bare(s, i, cover);
            float printed = step(-p.edge, p.edge, Math.min(inside, top) - rim)
                    * (1 - eye(h, i, hole * (1 + 1.5f * rim), p.edge));
            int column = i % s.size;
            int row = i / s.size;
            print.lay(s, i, cover * printed, photo, column, row, column, row);
            if (folded) {
                tint(
                        s,
                        i,
                        1 - 0.30f * cover * (bump(x - fold, 0, 0.05f, 1) - 0.7f * bump(x - fold - 0.05f, 0, 0.05f, 1)));
            }
            s.solid(i, cover, 0.85f - bend * x * x + lean * y, 0.03f);
            s.alter(i, cover);
        }
        print.note(p);
        p.show(Sign.CUT_RIM, true);
        p.show(Sign.EYE_HOLES, gap > 0.4f);
        p.show(Sign.CREASE, folded);
    }

    /** A lacquered cast; the wearer looks through holes. */
    static void rigid(Presentation p, Draws d) {
        float reach = d.between(0.90, 1.0);
        float top = d.between(-0.78, -0.62);
        float tone = d.between(0.75, 1.15);
        float pale = d.between(0.82, 1.0);
        float shine = d.between(0.25, 0.8);
        float smooth = d.between(0.7, 1);
        float hole = d.between(0.95, 1.25);
        float gap = d.between(0.55, 0.95);
        float seam = d.between(0.4, 0.9);
        float slit = d.chance(0.5) ? d.between(0.5, 0.9) : 0;
        Surface s = p.surface;
        Head h = p.head;
        for (int i = 0; i < s.z.length; i++) {
            float x = h.faceX[i];
            float y = h.faceY[i];
            float inside = Math.min((reach - (float) Math.sqrt(h.radius[i])) * h.person.width(), y - top);
            float cover = step(-p.edge, p.edge, inside);
            dim(s, i, 0.35f * bump(Math.max(0, -inside), 0, 0.12f, 1) * (1 - cover));
            float eye = eye(h, i, hole, p.edge);
            dim(s, i, gap * cover * eye * (1 - eye(h, i, 0.75f * hole, 2 * p.edge)));
            cover *= 1 - eye;
            if (cover <= 0) {
                continue;
            }
            shell(p, i, cover, tone, pale, smooth);
            float nostril = bump(Math.abs(x) - 0.5f * h.person.noseWidth(), y - 0.44f, 0.06f, 0.045f);
            float dark = Math.max(slit * bump(x, y - 0.632f, 1.1f * h.person.mouth(), 0.045f), slit * nostril);
            dark = Math.max(dark, seam * bump(inside - 0.01f, 0, 0.045f + p.edge, 1));
            s.paint(i, cover * Math.min(1, dark), 0.012f, 0.01f, 0.01f, 0.1f);
            float relief = h.radius[i] < 1 ? Portrait.relief(h.person, x, y) : 0;
            float folds = s.open[i];
            s.solid(i, cover, h.skull[i] + 1.05f * relief + 0.04f, shine);
            s.open[i] = mix(s.open[i], folds, 0.7f * cover);
            s.alter(i, cover);
        }
        p.show(Sign.HARD_SHINE, shine > SEEN_SHINE);
        p.show(Sign.SMOOTH, smooth > 0.8f);
        p.show(Sign.SEAM, seam > 0.5f);
        p.show(Sign.EYE_HOLES, true);
    }

    /** Silicone over the whole head, with soft folds, down to a seam on the neck. */
    static void flexible(Presentation p, Draws d) {
        float tone = d.between(0.72, 1.12);
        float pale = d.between(0.88, 1.0);
        float shine = d.between(0.06, 0.16);
        float smooth = d.between(0.5, 1);
        float wrinkles = d.between(0.12, 0.60);
        float hole = d.between(0.80, 0.95);
        float gap = d.between(0.3, 0.8);
        float end = d.between(1.00, 1.18);
        float seam = d.between(0.25, 0.8);
        boolean bald = d.chance(0.6);
        float pitch = d.between(2.6, 4.5);
        float phase = d.unit();
        Surface s = p.surface;
        Head h = p.head;
        for (int i = 0; i < s.z.length; i++) {
            float x = h.faceX[i];
            float y = h.faceY[i];
            float radius = (float) Math.sqrt(h.radius[i]);
            float over = bald ? 1.03f : 0.99f;
            float skull = step(-p.edge, p.edge, (over - radius) * h.person.width());
            float neck = Curves.slab(h.x[i], h.y[i] - 0.8f, 0.45f, 0.8f, p.edge);
            float line = end + 0.05f * sine(0.9f * x + phase);
            float cover = Math.max(skull, neck) * step(-p.edge, p.edge, line - h.y[i]);
            if (!bald) {
                cover *= 1 - s.hair[i];
            }
            float eye = eye(h, i, hole, p.edge);
            dim(s, i, gap * cover * eye * (1 - eye(h, i, 0.8f * hole, 2 * p.edge)));
            cover *= 1 - eye;
            if (cover <= 0) {
                continue;
            }
            shell(p, i, cover, tone, pale, s.hair[i] > 0.3f ? 1 : smooth);
            float fold = folds(x, y, pitch, phase);
            tint(s, i, 1 - wrinkles * cover * fold);
            float ending = seam * bump(line - h.y[i] - 0.02f, 0, 0.05f + p.edge, 1) * (neck > 0.5f ? 1 : 0);
            s.paint(i, cover * ending, 0.02f, 0.016f, 0.014f, 0.1f);
            float relief = h.radius[i] < 1 ? Portrait.relief(h.person, x, y) : 0;
            float open = s.open[i];
            float z = h.radius[i] < 1 ? h.skull[i] + 0.8f * relief : s.z[i];
            s.solid(i, cover, z + 0.03f - 0.05f * fold * wrinkles, shine);
            s.open[i] = mix(s.open[i], open, 0.8f * cover);
            s.alter(i, cover);
        }
        p.show(Sign.WRINKLES, wrinkles > SEEN_WRINKLES);
        p.show(Sign.SMOOTH, smooth > 0.8f);
        p.show(Sign.SEAM, seam > 0.5f);
        p.show(Sign.EYE_HOLES, gap > 0.55f);
    }

    /** Folds across the forehead, beside mouth and nose, and around the neck, 0..1. */
    private static float folds(float x, float y, float pitch, float phase) {
        float wave = 0.5f + 0.5f * sine(pitch * (y + 0.25f * x * x) + phase);
        float across = wave * wave;
        float forehead = bump(x, y + 0.52f, 0.55f, 0.30f);
        float throat = bump(x, y - 1.05f, 0.60f, 0.30f);
        float side = Math.abs(x) - 0.24f - 0.35f * Math.max(0, y - 0.30f);
        float cheeks = bump(side, 0, 0.06f, 1) * bump(y - 0.55f, 0, 0.40f, 1);
        return Math.min(1, across * Math.max(forehead, throat) * 1.3f + 0.9f * cheeks);
    }

    /** The colour of a mask's material: that of the skin, more or less, without its spots. */
    private static void shell(Presentation p, int i, float cover, float tone, float pale, float smooth) {
        Surface s = p.surface;
        float[] skin = p.head.person.skin();
        float bare = smooth >= 1 ? 1 : 1 - step(0.12f, 0.35f, Math.abs(s.green[i] / skin[1] - 1));
        float plain = smooth * bare;
        s.paint(
                i,
                cover,
                Math.min(0.9f, mix(s.red[i], skin[0], plain) * tone * pale),
                Math.min(0.9f, mix(s.green[i], skin[1], plain) * tone),
                Math.min(0.9f, mix(s.blue[i], skin[2], plain) * tone * (2 - pale)),
                0.3f);
    }

    private static void dim(Surface s, int i, float by) {
        if (by > 0.004f) {
            tint(s, i, 1 - by);
            s.alter(i, 0.2f);
        }
    }

    private static void tint(Surface s, int i, float by) {
        s.red[i] *= by;
        s.green[i] *= by;
        s.blue[i] *= by;
    }

    /** 1 inside of a hole around an eye. */
    private static float eye(Head h, int i, float scale, float edge) {
        return disc(Math.abs(h.faceX[i]) - h.person.eyes(), h.faceY[i], 0.175f * scale, 0.095f * scale, edge);
    }

    /** Direction from the middle of the face, in turns from 0 to 1; near enough to an angle for a wavy edge. */
    private static float angle(float x, float y) {
        float sum = Math.abs(x) + Math.abs(y) + 1e-6f;
        float quarter = 0.25f * y / sum;
        return x >= 0 ? quarter : 0.5f - quarter;
    }
}
