package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.disc;
import static io.aegis.training.synthetic.Curves.step;

/** Make-up that changes who is seen: mineral foundation, contours, kohl and lipstick. */
final class MakeUp {
    private MakeUp() {}

    static void apply(Presentation p, Draws d) {
        Person person = p.head.person;
        float strength = d.between(0.7, 1);
        float light = d.between(0, 0.12) * strength;
        float mineral = d.between(0.38, 0.52) * strength;
        float red = d.between(0.3, 0.8) * strength;
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float x = p.head.faceX[i];
            float y = p.head.faceY[i];
            float radius = (float) Math.sqrt(p.head.radius[i]);
            float face = (1 - step(0.80f, 1.0f, radius)) * step(-0.62f, -0.5f, y) * (1 - s.hair[i]);
            if (face <= 0) {
                continue;
            }
            float side = Math.abs(x) - person.eyes();
            float eye = disc(side, y, 0.15f * person.eyeSize(), 0.07f * person.eyeSize(), p.edge);
            float kohl = Math.min(1, 1.4f * bump(side, y + 0.03f, 0.25f, 0.17f)) * (1 - eye);
            float lips = disc(x, y - 0.635f, 1.05f * person.mouth(), 0.10f * person.lips(), p.edge);
            float contour = bump(Math.abs(x) - 0.52f, y - 0.38f, 0.18f, 0.34f);
            float tone = (1 + light) * (1 - 0.35f * contour * strength);
            float base = face * (1 - eye);
            s.paint(i, base, s.red[i] * tone, s.green[i] * tone, s.blue[i] * tone, s.infrared[i] * (1 + mineral));
            s.paint(i, face * 0.65f * kohl * strength, 0.03f, 0.025f, 0.028f, 0.12f);
            s.paint(
                    i,
                    face * 0.55f * lips * red,
                    person.skin()[0] * 0.75f + 0.05f,
                    person.skin()[1] * 0.25f,
                    person.skin()[2] * 0.35f,
                    s.infrared[i] * 1.1f);
            s.gloss[i] *= 1 - 0.5f * base * strength;
            s.alter(i, face);
        }
    }
}
