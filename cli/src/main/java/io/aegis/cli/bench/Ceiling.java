package io.aegis.cli.bench;

import java.util.Locale;

/**
 * What a figure is held against.
 *
 * @param name what was measured
 * @param value in {@code unit}; NaN where it could not be
 * @param unit GFLOP/s or GB/s
 */
public record Ceiling(String name, double value, String unit) {
    @Override
    public String toString() {
        return Double.isNaN(value)
                ? String.format("%-52s not measured: java was started without the Vector API", name)
                : String.format(Locale.ROOT, "%-52s %10.1f %s", name, value, unit);
    }
}
