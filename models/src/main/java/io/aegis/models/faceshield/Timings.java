package io.aegis.models.faceshield;

/**
 * Where the time went, in seconds.
 *
 * @param vision both pictures through the tower and the projector
 * @param prefill prompts into the language model
 * @param prefilled tokens that were read so
 * @param decode answers, token by token
 * @param decoded tokens that were chosen so
 */
public record Timings(double vision, double prefill, long prefilled, double decode, long decoded) {
    static final Timings NONE = new Timings(0, 0, 0, 0, 0);

    /** Both together. */
    public Timings plus(Timings other) {
        return new Timings(
                vision + other.vision,
                prefill + other.prefill,
                prefilled + other.prefilled,
                decode + other.decode,
                decoded + other.decoded);
    }
}
