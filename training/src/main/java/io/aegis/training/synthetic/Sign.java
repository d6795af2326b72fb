package io.aegis.training.synthetic;

/** What a colour picture can show of an attack, to a person who looks closely. */
public enum Sign {
    /** The border of a sheet of paper runs through the picture. */
    SHEET_BORDER,
    /** The frame of a phone or tablet is around the face. */
    SCREEN_FRAME,
    /** Fingers hold what is shown. */
    FINGERS,
    /** Printed dots are seen on the face. */
    HALFTONE,
    /** Waves of colour, where the pixels of a screen beat with those of the camera. */
    MOIRE,
    /** A lamp is mirrored in glass. */
    GLARE,
    /** Colours are washed out as ink on paper makes them. */
    FADED,
    /** The face ends at an edge cut with scissors. */
    CUT_RIM,
    /** Holes for the eyes, through which the wearer looks. */
    EYE_HOLES,
    /** A sheet is folded. */
    CREASE,
    /** Hard highlights as on lacquer. */
    HARD_SHINE,
    /** Skin without pores and spots. */
    SMOOTH,
    /** A dark gap or a line where a mask ends. */
    SEAM,
    /** Soft folds as of rubber. */
    WRINKLES,
    /** Eyes printed on paper, not where eyes should be. */
    PRINTED_EYES,
    /** A frame of glasses that is thick and of a bright colour. */
    TOY_FRAME,
    /** The border of a strip of paper crosses the face. */
    STRIP_BORDER,
    /** What covers the face has another colour than the skin around it. */
    OTHER_TONE,
    /** Black paint around the eyes. */
    KOHL,
    /** Lips painted beyond their border. */
    LIPSTICK,
    /** Dark contours painted under the cheekbones. */
    CONTOUR
}
