package io.aegis.models.faceshield;

/** What the language model sees of a masked token. */
public enum TokenMasking {
    /** Nothing: it is left out, and the others keep their positions. */
    REMOVE,
    /** It stands in its place, and nobody may look at it; to the others the same as {@link #REMOVE}. */
    KEY_MASK,
    /** A row of zeros, which still takes part in every softmax. */
    ZERO,
    /** One learned row for all of them. */
    MASK_TOKEN
}
