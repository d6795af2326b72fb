package io.aegis.training.metrics;

/**
 * A rate with the counts it comes from.
 *
 * @param errors how many went wrong
 * @param total of how many, at least one
 */
public record Rate(int errors, int total) {
    /**
     * Checks the counts.
     *
     * @throws IllegalArgumentException for no total, or more errors than that
     */
    public Rate {
        if (total < 1 || errors < 0 || errors > total) {
            throw new IllegalArgumentException(errors + " errors of " + total + " is no rate");
        }
    }

    /** The share, in [0, 1]. */
    public double value() {
        return (double) errors / total;
    }

    @Override
    public String toString() {
        return Numbers.rate(value()) + " (" + errors + "/" + total + ")";
    }
}
