package io.aegis.models.dadm;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * The decision threshold that goes with a model's weights.
 *
 * @param value a score that is at least this is accepted as bona fide
 * @param origin says to a person how it was chosen, and on what
 */
public record DadmThreshold(double value, String origin) {
    static final String VALUE = "threshold";
    static final String ORIGIN = "threshold_origin";

    /**
     * Checks the value.
     *
     * @throws IllegalArgumentException for a value that is not finite
     */
    public DadmThreshold {
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
}
