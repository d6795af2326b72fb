package io.aegis.training.metrics;

import java.util.Locale;

/** What a set of samples may be used for. */
public enum Split {
    /** Fits the weights. */
    TRAIN,
    /** Chooses thresholds and the best epoch. */
    DEVELOPMENT,
    /** Is only measured. */
    TEST;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
