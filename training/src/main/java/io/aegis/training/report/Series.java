package io.aegis.training.report;

import java.util.Objects;

/** A named sequence of points, x ascending; a y that is not finite is a gap. */
public final class Series {
    private final String name;
    private final double[] x;
    private final double[] y;

    /**
     * Copies the points.
     *
     * @param x n positions, ascending and finite
     * @param y n values
     * @throws IllegalArgumentException for lengths that differ or positions that descend or are not finite
     */
    public Series(String name, double[] x, double[] y) {
        this.name = Objects.requireNonNull(name, "name");
        if (x.length != y.length) {
            throw new IllegalArgumentException(
                    "series '" + name + "' has " + x.length + " positions but " + y.length + " values");
        }
        for (int i = 0; i < x.length; i++) {
            if (!Double.isFinite(x[i]) || i > 0 && x[i] < x[i - 1]) {
                throw new IllegalArgumentException(
                        "series '" + name + "': position " + i + " is " + x[i] + "; positions are finite and ascend");
            }
        }
        this.x = x.clone();
        this.y = y.clone();
    }

    /** Values at 1, 2, 3, ... */
    public static Series of(String name, double... y) {
        double[] x = new double[y.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = i + 1;
        }
        return new Series(name, x, y);
    }

    /**
     * The exponential moving average, corrected for its start, under the same name; gaps stay gaps and do not enter it.
     *
     * @param keep weight of the past, in [0, 1)
     * @throws IllegalArgumentException for a weight outside
     */
    public Series smoothed(double keep) {
        if (!(keep >= 0 && keep < 1)) {
            throw new IllegalArgumentException("the weight of the past is at least 0 and below 1, not " + keep);
        }
        double[] smooth = y.clone();
        double sum = 0;
        double weight = 0;
        for (int i = 0; i < smooth.length; i++) {
            if (Double.isFinite(smooth[i])) {
                sum = keep * sum + (1 - keep) * smooth[i];
                weight = keep * weight + (1 - keep);
                smooth[i] = sum / weight;
            }
        }
        return new Series(name, x, smooth);
    }

    /** What the legend calls it. */
    public String name() {
        return name;
    }

    /** Number of points. */
    public int size() {
        return x.length;
    }

    /** Position of point i. */
    public double x(int i) {
        return x[i];
    }

    /** Value of point i. */
    public double y(int i) {
        return y[i];
    }
}
