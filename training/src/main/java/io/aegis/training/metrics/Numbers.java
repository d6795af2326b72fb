package io.aegis.training.metrics;

import java.util.Locale;

/** How metrics are printed, the same in every locale. */
final class Numbers {
    private Numbers() {}

    static String rate(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }

    static String threshold(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }

    /** A level such as 0.001 as people write it. */
    static String level(double value) {
        return value >= 1e-4 || value == 0
                ? java.math.BigDecimal.valueOf(value).stripTrailingZeros().toPlainString()
                : Double.toString(value);
    }
}
