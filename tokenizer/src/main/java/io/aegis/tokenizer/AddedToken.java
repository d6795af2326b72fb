package io.aegis.tokenizer;

/**
 * A token beside the model's vocabulary, or a mark on one of it, found in a text literally.
 *
 * @param singleWord whether it counts only where no word goes on before or behind it
 * @param lstrip whether it takes the white space in front with it
 * @param rstrip whether it takes the white space behind with it
 * @param normalized whether it is looked for in the normalised text, itself normalised
 * @param special whether it marks structure, and is left out where special tokens are skipped
 * @param sought whether it is looked for in texts at all
 */
record AddedToken(
        int id,
        String content,
        boolean singleWord,
        boolean lstrip,
        boolean rstrip,
        boolean normalized,
        boolean special,
        boolean sought) {
    /** A special token with no further conditions. */
    static AddedToken special(int id, String content) {
        return new AddedToken(id, content, false, false, false, false, true, true);
    }

    /** A special token that a text cannot spell. */
    static AddedToken unspeakable(int id, String content) {
        return new AddedToken(id, content, false, false, false, false, true, false);
    }
}
