package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.disc;
import static io.aegis.training.synthetic.Curves.step;

/** Make-up as on a stage: a base of another colour than the neck, kohl, contours, lips painted over. */
final class HeavyMakeUp {
    private static final float SEEN = 0.55f;

    private HeavyMakeUp() {}

    static void apply(Presentation p, Draws d) {
        Person person = p.head.person;
        float pale = d.between(0.08, 0.45) * (d.chance(0.75) ? 1 : -0.6f);
        float kohl = d.between(0.5, 1);
        float lips = d.between(0.45, 1);
        float contour = d.between(0.2, 0.8);
        float rouge = d.between(0.05, 0.35);
        float[] paint = {d.between(0.35, 0.6), d.between(0.02, 0.10), d.between(0.04, 0.22)};
        float[] lid = {d.between(0.01, 0.12), d.between(0.01, 0.10), d.between(0.01, 0.16)};
        Surface s = p.surface;
        Head h = p.head;
        for (int i = 0; i < s.z.length; i++) {
            float x = h.faceX[i];
            float y = h.faceY[i];
            float radius = (float) Math.sqrt(h.radius[i]);
            float face = (1 - step(0.88f, 0.98f, radius)) * step(-0.64f, -0.55f, y) * (1 - s.hair[i]);
            if (face <= 0) {
                continue;
            }
            float side = Math.abs(x) - person.eyes();
            float eye = disc(side, y, 0.15f * person.eyeSize(), 0.07f * person.eyeSize(), p.edge);
            float lidded = Math.min(1, 1.7f * bump(side - 0.02f, y + 0.045f, 0.28f, 0.20f)) * (1 - eye);
            float mouth = disc(x, y - 0.635f, 1.22f * person.mouth(), 0.13f * Math.max(1, person.lips()), p.edge);
            float line = bump(Math.abs(x) - 0.50f + 0.45f * (y - 0.30f), y - 0.36f, 0.12f, 0.26f);
            float cheeks = bump(Math.abs(x) - 0.42f, y - 0.20f, 0.22f, 0.18f);
            float base = face * (1 - eye);
            float tone = 1 + pale;
            lay(
                    s,
                    i,
                    base,
                    tone * (1 + 0.3f * rouge * cheeks),
                    tone * (1 - rouge * cheeks),
                    tone * (1 - rouge * cheeks));
            float dark = 1 - 0.55f * contour * line;
            lay(s, i, base, dark, dark * 0.97f, dark * 0.95f);
            s.paint(i, face * kohl * lidded, lid, 0.12f);
            s.paint(i, face * lips * mouth, paint, s.infrared[i] * 1.1f);
            s.gloss[i] *= 1 - 0.4f * base;
            s.alter(i, face);
        }
        p.show(Sign.OTHER_TONE, Math.abs(pale) > 0.2f);
        p.show(Sign.KOHL, kohl > SEEN);
        p.show(Sign.LIPSTICK, lips > SEEN);
        p.show(Sign.CONTOUR, contour > SEEN);
    }

    private static void lay(Surface s, int i, float cover, float r, float g, float b) {
        s.red[i] = Math.min(0.92f, s.red[i] * (1 + cover * (r - 1)));
        s.green[i] = Math.min(0.92f, s.green[i] * (1 + cover * (g - 1)));
        s.blue[i] = Math.min(0.92f, s.blue[i] * (1 + cover * (b - 1)));
    }
}
