package io.aegis.cli.verify;

/**
 * One compared tensor.
 *
 * @param name file and key
 * @param reference largest absolute value of the reference
 * @param error largest absolute difference
 * @param deviation root mean square difference
 * @param allowed what the difference may be
 * @param verdict the outcome
 * @param note why it is noise, or what could not be compared; empty otherwise
 */
record Row(
        String name, double reference, double error, double deviation, double allowed, Verdict verdict, String note) {
    /** How a comparison ended. */
    enum Verdict {
        OK,
        /** The reference itself is rounding noise here; counts as right. */
        NOISE,
        FAILED,
        /** Nothing was there to compare with. */
        NOT_COMPARED
    }
}
