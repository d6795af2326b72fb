package io.aegis.training.report;

/** Smallest and greatest of the values seen. */
final class Range {
    private double low = Double.POSITIVE_INFINITY;
    private double high = Double.NEGATIVE_INFINITY;

    void add(double value) {
        low = Math.min(low, value);
        high = Math.max(high, value);
    }

    boolean isEmpty() {
        return low > high;
    }

    double low() {
        return low;
    }

    double high() {
        return high;
    }
}
