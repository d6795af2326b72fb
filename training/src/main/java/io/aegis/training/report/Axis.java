package io.aegis.training.report;

import java.util.List;

/**
 * One axis: a range and its ticks.
 *
 * @param low value at fraction 0
 * @param high value at fraction 1
 * @param logarithmic whether equal distances are equal factors
 * @param ticks within the range
 */
record Axis(double low, double high, boolean logarithmic, List<Tick> ticks) {
    /** Exactly this range; a range of one value is widened. */
    static Axis linear(double low, double high, int wanted) {
        double least = Math.max(Math.abs(low), Math.abs(high)) * 1e-9;
        if (high - low <= least) {
            double half = low == 0 && high == 0 ? 1 : Math.max(Math.abs(low), Math.abs(high)) / 2;
            return linear(low - half, high + half, wanted);
        }
        return new Axis(low, high, false, Ticks.linear(low, high, wanted));
    }

    /** The range widened to round numbers. */
    static Axis rounded(double low, double high, int wanted) {
        Axis exact = linear(low, high, wanted);
        double step = Ticks.step((exact.high - exact.low) / wanted);
        return linear(Math.floor(exact.low / step + 1e-9) * step, Math.ceil(exact.high / step - 1e-9) * step, wanted);
    }

    /** A logarithmic axis over positive values. */
    static Axis logarithmic(double low, double high, int wanted) {
        return high / low < 1.01
                ? logarithmic(low / 2, high * 2, wanted)
                : new Axis(low, high, true, Ticks.logarithmic(low, high, wanted));
    }

    /** Where a value lies, 0 at the low end and 1 at the high end. */
    double fraction(double value) {
        return logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    }
}
