package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.mix;

/**
 * The shape and colours of one head. Lengths are in half heights of the head; colours are linear reflectances.
 *
 * @param width half width of the skull
 * @param jaw how much the face narrows towards the chin
 * @param nose height of the tip of the nose
 * @param noseWidth half width of the nostrils
 * @param eyes distance of an eye from the middle
 * @param eyeSize scale of the eyes
 * @param gaze how far the eyes look to the right
 * @param brow darkness of the brows, 0..1
 * @param mouth half width of the mouth
 * @param lips thickness of the lips
 * @param skin red, green, blue of the skin
 * @param skinInfrared infrared reflectance of the skin
 * @param hair red, green, blue of the hair
 * @param hairInfrared infrared reflectance of hair
 * @param hairline height of the hairline over the forehead; below -1 is bald
 * @param sideHair how far hair comes down beside the face
 * @param beard darkness of a beard, 0 for none
 * @param iris red, green, blue of the iris
 * @param cosmetics everyday make-up, 0 for none; organic dyes, invisible in infrared
 * @param lipColour redness that cosmetics give to the lips
 * @param glasses true for ordinary glasses
 * @param cloth red, green, blue of the clothes
 * @param clothInfrared infrared reflectance of the clothes, which says little about their colour
 * @param gloss how much the skin shines
 */
record Person(
        float width,
        float jaw,
        float nose,
        float noseWidth,
        float eyes,
        float eyeSize,
        float gaze,
        float brow,
        float mouth,
        float lips,
        float[] skin,
        float skinInfrared,
        float[] hair,
        float hairInfrared,
        float hairline,
        float sideHair,
        float beard,
        float[] iris,
        float cosmetics,
        float lipColour,
        boolean glasses,
        float[] cloth,
        float clothInfrared,
        float gloss) {
    private static final float[] FAIR = {0.66f, 0.43f, 0.33f};
    private static final float[] BROWN = {0.36f, 0.19f, 0.115f};
    private static final float[] DARK = {0.105f, 0.054f, 0.036f};
    private static final float[][] HAIR = {
        {0.012f, 0.010f, 0.009f},
        {0.035f, 0.020f, 0.012f},
        {0.090f, 0.048f, 0.022f},
        {0.300f, 0.190f, 0.090f},
        {0.160f, 0.050f, 0.020f},
        {0.300f, 0.290f, 0.280f}
    };
    private static final float[][] IRIS = {
        {0.05f, 0.025f, 0.012f}, {0.10f, 0.055f, 0.02f}, {0.07f, 0.12f, 0.18f}, {0.08f, 0.11f, 0.05f}
    };

    static Person draw(Draws d) {
        float melanin = d.unit();
        float ruddy = d.between(-0.06, 0.06);
        float[] skin =
                melanin < 0.6f ? mixed(FAIR, BROWN, melanin / 0.6f) : mixed(BROWN, DARK, (melanin - 0.6f) / 0.4f);
        skin[0] *= 1 + ruddy;
        skin[2] *= 1 - ruddy;
        boolean longHair = d.chance(0.4);
        boolean bald = !longHair && d.chance(0.15);
        int darkest = melanin > 0.55f ? 2 : HAIR.length;
        float[] hair = HAIR[(int) (d.unit() * darkest)].clone();
        boolean painted = d.chance(0.4);
        return new Person(
                d.between(0.70, 0.79),
                d.between(0.14, 0.30),
                d.between(0.22, 0.30),
                d.between(0.13, 0.18),
                d.between(0.28, 0.32),
                d.between(0.9, 1.12),
                0.012f * d.normal(),
                d.between(0.35, 0.95),
                d.between(0.22, 0.29),
                d.between(0.85, 1.3),
                skin,
                d.between(0.53, 0.60) - 0.05f * melanin,
                hair,
                d.between(0.14, 0.26),
                bald ? -1.3f : d.between(-0.72, -0.50),
                longHair ? 1.3f : d.between(-0.12, 0.12),
                !longHair && d.chance(0.4) ? d.between(0.2, 0.8) : 0,
                IRIS[(int) (d.unit() * (melanin > 0.5f ? 2 : IRIS.length))].clone(),
                painted ? d.between(0.3, 1) : 0,
                d.between(0.2, 1),
                d.chance(0.25),
                new float[] {d.between(0.02, 0.6), d.between(0.02, 0.6), d.between(0.02, 0.6)},
                d.between(0.1, 0.55),
                d.between(0.04, 0.14));
    }

    private static float[] mixed(float[] a, float[] b, float t) {
        return new float[] {mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)};
    }
}
