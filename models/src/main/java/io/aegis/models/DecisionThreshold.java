package io.aegis.models;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.WeightsException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The decision threshold that goes with a model's weights.
 *
 * @param value a score that is at least this is accepted as bona fide
 * @param origin says to a person how it was chosen, and on what
 */
public record DecisionThreshold(double value, String origin) {
    static final String VALUE = "threshold";
    static final String ORIGIN = "threshold_origin";

    /**
     * Checks the value.
     *
     * @throws IllegalArgumentException for a value that is not finite
     */
    public DecisionThreshold {
        Objects.requireNonNull(origin);
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("a threshold is a finite number, not " + value);
        }
    }

    /** Whether a score is taken for bona fide. */
    public boolean accepts(double score) {
        return score >= value;
    }

    /** As the weight file carries it: {@code threshold}, exactly, and {@code threshold_origin}. */
    public Map<String, String> metadata() {
        Map<String, String> out = new LinkedHashMap<>();
        out.put(VALUE, Double.toString(value));
        out.put(ORIGIN, origin);
        return out;
    }

    /**
     * The threshold that a weight file carries, if any.
     *
     * @throws WeightsException when it is not a number
     */
    public static Optional<DecisionThreshold> of(Checkpoint c) {
        String text = c.metadata().get(VALUE);
        if (text == null) {
            return Optional.empty();
        }
        String origin = c.metadata().getOrDefault(ORIGIN, "of unknown origin");
        try {
            return Optional.of(new DecisionThreshold(Double.parseDouble(text), origin));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(
                    c.path() + ": metadata threshold is \"" + text + "\", expected a finite decimal number", e);
        }
    }

    /**
     * What a weight file carries, for weights that have changed: the old threshold goes, since it was chosen for others.
     *
     * @param metadata of the old weights
     * @param threshold of the new ones
     */
    public static Map<String, String> replace(Map<String, String> metadata, Optional<DecisionThreshold> threshold) {
        Map<String, String> out = new LinkedHashMap<>(metadata);
        out.remove(VALUE);
        out.remove(ORIGIN);
        threshold.ifPresent(t -> out.putAll(t.metadata()));
        return out;
    }
}
