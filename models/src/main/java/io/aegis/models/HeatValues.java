package io.aegis.models;

import java.util.Arrays;

/**
 * How much each patch of one picture mattered.
 *
 * @param rows patches from top to bottom
 * @param columns patches from left to right
 * @param values [rows, columns], row by row, each in [0, 1]
 */
public record HeatValues(int rows, int columns, float[] values) {
    public HeatValues {
        if (values.length != (long) rows * columns) {
            throw new IllegalArgumentException(
                    "a map of " + rows + " x " + columns + " cannot have " + values.length + " values");
        }
        values = values.clone();
    }

    @Override
    public float[] values() {
        return values.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HeatValues(int r, int c, float[] v)
                && r == rows
                && c == columns
                && Arrays.equals(v, values);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * rows + columns) + Arrays.hashCode(values);
    }

    @Override
    public String toString() {
        return rows + " x " + columns + " " + Arrays.toString(values);
    }
}
