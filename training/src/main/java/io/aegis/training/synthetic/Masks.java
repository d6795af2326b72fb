package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.disc;
import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.step;

/** Masks over the whole face, from hairline to chin. */
final class Masks {
    private Masks() {}

    /** A print cut out along the face and bent around it, from ear to ear. */
    static void paper(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        Presentation.Ink ink = Presentation.Ink.draw(d, 1, p.head.person);
        float reach = d.between(0.84, 0.95);
        float bend = d.between(0.45, 0.75);
        float lean = 0.08f * d.normal();
        float ridge = d.between(0, 0.07);
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float cover = outline(p, i, reach, -0.62f) * (1 - eyeHole(p, i));
            if (cover > 0) {
                float x = p.head.faceX[i];
                float y = p.head.faceY[i];
                float z = 0.80f - bend * x * x + lean * y + ridge * Curves.bump(x, y - 0.15f, 0.3f, 0.5f);
                ink.lay(s, i, cover, photo, i % s.size, i / s.size);
                s.solid(i, cover, z, 0.03f);
                s.alter(i, cover);
            }
        }
    }

    /** A painted cast of a face; the wearer looks through holes. */
    static void rigid(Presentation p, Draws d) {
        float reach = d.between(0.90, 0.99);
        float tone = d.between(0.82, 0.98);
        float ir = d.between(0.20, 0.30);
        float shine = d.between(0.12, 0.28);
        float thick = d.between(0.01, 0.04);
        float smooth = d.between(0.3, 0.8);
        cover(p, reach, tone, d.between(0.91, 0.99), smooth, ir, 0.5f, shine, thick, 1);
    }

    /** Silicone, pigmented like skin. */
    static void flexible(Presentation p, Draws d) {
        float reach = d.between(0.92, 1.0);
        float tone = d.between(0.90, 1.0);
        float ir = d.between(0.29, 0.38);
        float shine = d.between(0.05, 0.16);
        float thick = d.between(0.01, 0.03);
        float smooth = d.between(0.1, 0.5);
        cover(p, reach, tone, d.between(0.95, 1), smooth, ir, 0.75f, shine, thick, d.between(0.80, 0.95));
    }

    /**
     * A mask with relief.
     *
     * @param pale how much of the red of blood is there, 1 as in life
     * @param smooth how much of the skin's mottling is gone, 0..1
     * @param ir its infrared reflectance
     * @param detail how much of brows, lips and lashes is seen in infrared, 0..1
     * @param sharp height of its features over the smooth skull, 1 as in life
     */
    private static void cover(
            Presentation p,
            float reach,
            float tone,
            float pale,
            float smooth,
            float ir,
            float detail,
            float shine,
            float thick,
            float sharp) {
        Person person = p.head.person;
        float[] skin = person.skin();
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float x = p.head.faceX[i];
            float y = p.head.faceY[i];
            float cover = outline(p, i, reach, -0.66f) * (1 - eyeHole(p, i));
            if (cover > 0) {
                // mottling is the difference between a pixel and plain skin, where that is small
                float bare = 1 - step(0.12f, 0.35f, Math.abs(s.green[i] / skin[1] - 1));
                float plain = smooth * bare;
                float r = mix(s.red[i], skin[0], plain) * tone * pale;
                float g = mix(s.green[i], skin[1], plain) * tone;
                float b = mix(s.blue[i], skin[2], plain) * tone * (2 - pale);
                float drawn = mix(1, s.infrared[i] / person.skinInfrared(), detail);
                s.paint(i, cover, r, g, b, ir * drawn);
                float relief = p.head.radius[i] < 1 ? Portrait.relief(person, x, y) : 0;
                float folds = s.open[i];
                s.solid(i, cover, p.head.skull[i] + sharp * relief + thick, shine);
                s.open[i] = mix(s.open[i], folds, cover * 0.9f);
                s.alter(i, cover);
            }
        }
    }

    /** 1 where the wearer looks through. */
    private static float eyeHole(Presentation p, int i) {
        return disc(Math.abs(p.head.faceX[i]) - p.head.person.eyes(), p.head.faceY[i], 0.165f, 0.085f, p.edge);
    }

    /** 1 on the face within {@code reach} of its outline and below the hairline. */
    private static float outline(Presentation p, int i, float reach, float top) {
        float radius = (float) Math.sqrt(p.head.radius[i]);
        return (1 - p.surface.hair[i])
                * step(-p.edge, p.edge, (reach - radius) * p.head.person.width())
                * step(-p.edge, p.edge, p.head.faceY[i] - top);
    }
}
