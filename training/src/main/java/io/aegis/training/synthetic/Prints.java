package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.sine;

/**
 * What a cheap printer makes of a photograph, seen closely: faded colours, dots, stripes.
 *
 * @param lift light that the darkest ink returns
 * @param fade brightness of the paper
 * @param grey how much of the colours is lost, 0..1
 * @param warm shift of white towards red
 * @param dots strength of the printed dots
 * @param pitch distance of the dots in pixels
 * @param stripes strength of the stripes that a printing head leaves
 * @param infrared reflectance of the bare paper in infrared
 * @param bright grey above which no black is used
 */
record Prints(
        float lift,
        float fade,
        float grey,
        float warm,
        float dots,
        float pitch,
        float stripes,
        float infrared,
        float bright) {
    private static final float SEEN_DOTS = 0.10f;
    private static final float SEEN_FADING = 0.24f;
    /** Pitches are given for pictures of this size. */
    private static final float USUAL = 96;

    static Prints draw(Presentation p, Draws d) {
        float[] skin = p.head.person.skin();
        return new Prints(
                d.between(0.015, 0.06),
                d.between(0.66, 0.92),
                d.between(0.10, 0.42),
                0.05f * d.normal(),
                d.between(0.03, 0.24),
                d.between(2.6, 4.2) * p.surface.size / USUAL,
                d.chance(0.4) ? d.between(0.03, 0.10) : 0,
                p.head.person.skinInfrared() * d.between(0.86, 1.02),
                0.85f * (0.3f * skin[0] + 0.55f * skin[1] + 0.15f * skin[2]));
    }

    /** Notes what of this print is strong enough to be seen. */
    void note(Presentation p) {
        p.show(Sign.HALFTONE, dots > SEEN_DOTS);
        p.show(Sign.FADED, grey > SEEN_FADING);
    }

    /**
     * Lays the photograph's colour at a place of the picture over pixel i.
     *
     * @param x place on the paper in pixels, to the right
     * @param y place on the paper in pixels, downwards
     */
    void lay(Surface s, int i, float cover, Picture photo, float column, float row, float x, float y) {
        float r = photo.sample(photo.red, column, row);
        float g = photo.sample(photo.green, column, row);
        float b = photo.sample(photo.blue, column, row);
        float light = 0.3f * r + 0.55f * g + 0.15f * b;
        float turn = 0.7f / pitch;
        float dot = sine(turn * (x + y)) * sine(turn * (x - y));
        float ink = (1 + dots * dot) * (1 + stripes * sine(0.21f * y));
        float shade = Math.min(1.05f, (float) Math.sqrt(light / bright));
        s.paint(
                i,
                cover,
                tone(r, light) * (1 + warm) * ink,
                tone(g, light) * ink,
                tone(b, light) * (1 - warm) * ink,
                infrared * (0.1f + 0.9f * shade));
    }

    /** Lays bare paper over pixel i. */
    void bare(Surface s, int i, float cover) {
        float white = lift + 0.88f * fade;
        s.paint(i, cover, white * (1 + warm), white, white * (1 - warm), infrared);
    }

    private float tone(float v, float light) {
        return lift + fade * mix(v, light, grey);
    }
}
