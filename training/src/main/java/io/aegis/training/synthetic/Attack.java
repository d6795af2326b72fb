package io.aegis.training.synthetic;

import java.util.List;

/**
 * What is presented to the camera: a living person, or one of nine presentation attacks (the types of WMCA, George et
 * al., IEEE TIFS 2019), each with the physical reason why a modality shows or hides it.
 */
public enum Attack {
    /** A living person with nothing to hide. */
    BONA_FIDE("skin under real light", "the relief of a head", "skin is bright, eyes are dark"),
    /** A photograph on paper, held in front of the camera. */
    PRINT(
            "hides: ink shows a real face; only contrast and a light frozen at the time of the photograph differ",
            "shows: a sheet is flat, however it is tilted or bent",
            "partly hides: carbon in the ink shows a face, but the light does not fade behind it; pure dyes show nothing"),
    /** A photograph on a screen. */
    REPLAY(
            "hides: a good screen shows a good picture; moire and a veil of reflected light are faint",
            "shows: a screen is flat",
            "shows: a screen emits no infrared and its glass returns next to none"),
    /** A printed face cut out and bent around the head. */
    PAPER_MASK(
            "hides: the print is of a real face, with real hair and neck around it",
            "shows: paper bends one way only, so nose and brows are missing",
            "mostly hides: carbon shows the face, and the wearer's eyes look through"),
    /** A hard mask of resin, cast or printed in 3D from a face. */
    RIGID_MASK(
            "hides: paint has the colour of skin; it is a little smoother and glossier",
            "hides: the relief is that of a face",
            "shows: paint and resin absorb infrared that skin returns"),
    /** A mask of silicone that follows the face. */
    FLEXIBLE_MASK(
            "hides: pigmented silicone looks like skin",
            "hides: the relief is that of a face, only a little rounder",
            "partly shows: silicone returns less infrared than skin, and softens its shading"),
    /** Glasses with printed eyes in place of lenses. */
    GLASSES(
            "partly shows: the frame is that of ordinary glasses, the eyes in it do not fit",
            "shows: two flat discs stand before the eye sockets",
            "mostly hides: eyes printed with carbon are dark in infrared as well"),
    /** A strip of printed paper over the eyes. */
    PARTIAL_EYE(
            "hides: the strip shows real eyes; its edges and tone differ a little",
            "shows: brows and eye sockets are bridged by a strip",
            "mostly hides: paper returns about as much infrared as skin, and carbon shows the eyes"),
    /** A printed patch over mouth and chin. */
    PARTIAL_MOUTH(
            "hides: the patch shows a real mouth; its edges and tone differ a little",
            "shows: lips and chin are bridged by a patch",
            "mostly hides: paper returns about as much infrared as skin, and carbon shows the mouth"),
    /** Heavy make-up that changes who is seen. */
    MAKEUP(
            "partly shows: contours and lips are stronger, as they are in many people who hide nothing",
            "hides: the relief is the person's own",
            "partly shows: mineral foundation returns more infrared than skin, kohl absorbs it");

    private static final List<Attack> ATTACKS = List.of(values()).subList(1, values().length);

    private final String inRgb;
    private final String inDepth;
    private final String inInfrared;

    Attack(String inRgb, String inDepth, String inInfrared) {
        this.inRgb = inRgb;
        this.inDepth = inDepth;
        this.inInfrared = inInfrared;
    }

    /** The nine attacks, without {@link #BONA_FIDE}. */
    public static List<Attack> attacks() {
        return ATTACKS;
    }

    /** True for {@link #BONA_FIDE} alone. */
    public boolean isBonaFide() {
        return this == BONA_FIDE;
    }

    /** Why a colour picture shows or hides it. */
    public String inRgb() {
        return inRgb;
    }

    /** Why a depth map shows or hides it. */
    public String inDepth() {
        return inDepth;
    }

    /** Why an infrared picture shows or hides it. */
    public String inInfrared() {
        return inInfrared;
    }
}
