package io.aegis.training.metrics;

import java.util.Objects;

/**
 * A decision threshold and where it comes from.
 *
 * @param value a score that is at least this is accepted as bona fide
 * @param origin says to a person how it was chosen, and on what
 */
public record Threshold(double value, String origin) {
    /**
     * Checks the value.
     *
     * @throws IllegalArgumentException for a value that is not finite
     */
    public Threshold {
        Objects.requireNonNull(origin, "origin");
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("a threshold is a finite number, not " + value);
        }
    }

    /**
     * Chooses a threshold on development data: the middle of the gap between the two scores that the rule separates.
     *
     * @throws IllegalArgumentException for a set that is not a development set, or that has one class only
     */
    public static Threshold select(Scores development, ThresholdRule rule) {
        if (development.split() != Split.DEVELOPMENT) {
            throw new IllegalArgumentException("a threshold is chosen on a development set, but '" + development.name()
                    + "' is a " + development.split() + " set");
        }
        RocCurve roc = RocCurve.of(development);
        return new Threshold(
                roc.middle(rule.choose(roc)),
                rule + " on the development set '" + development.name() + "' ("
                        + development.samples().size() + " samples)");
    }

    /** Whether a score is taken for bona fide. */
    public boolean accepts(double score) {
        return score >= value;
    }

    @Override
    public String toString() {
        return Numbers.threshold(value) + ", " + origin;
    }
}
