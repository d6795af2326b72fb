package io.aegis.training.report;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Distributions of scores, one outline a group, each the share of its own group so that groups of different size
 * compare.
 *
 * @param title above the chart
 * @param xLabel what the values are
 * @param groups in the order of their colours
 * @param bins number of bins over the common range, at least 1
 * @param threshold where a decision threshold is drawn, if anywhere
 */
public record Histogram(String title, String xLabel, List<Group> groups, int bins, OptionalDouble threshold)
        implements Chart {
    private static final int WIDTH = 560;
    private static final int HEIGHT = 330;

    /** Named values; those that are not finite are left out. */
    public static final class Group {
        private final String name;
        private final double[] values;

        /** Copies the values. */
        public Group(String name, double... values) {
            this.name = name;
            this.values = Arrays.stream(values).filter(Double::isFinite).toArray();
        }
    }

    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException for no bins
     */
    public Histogram {
        groups = List.copyOf(groups);
        if (bins < 1) {
            throw new IllegalArgumentException("a histogram has at least one bin, not " + bins);
        }
    }

    @Override
    public String svg() {
        Axis x = horizontal();
        double highest = 0;
        double[][] shares = new double[groups.size()][];
        for (int n = 0; n < shares.length; n++) {
            shares[n] = shares(groups.get(n).values, x);
            highest = Math.max(highest, Arrays.stream(shares[n]).max().orElse(0));
        }
        List<String> legend =
                groups.stream().map(g -> g.name + " (" + g.values.length + ")").toList();
        Plot plot = new Plot(
                new Plot.Frame(WIDTH, HEIGHT, title, xLabel, "share of the group", legend),
                x,
                Axis.rounded(0, highest > 0 ? highest : 1, 4));
        if (highest == 0) {
            plot.empty();
        }
        for (int n = 0; n < shares.length; n++) {
            if (groups.get(n).values.length > 0) {
                draw(plot, shares[n], x, n);
            }
        }
        threshold.ifPresent(t -> mark(plot, x, t));
        return plot.svg().close();
    }

    /** [0, 1] for probabilities, else the range of the values. */
    private Axis horizontal() {
        Range range = new Range();
        groups.forEach(g -> Arrays.stream(g.values).forEach(range::add));
        boolean probabilities = range.isEmpty() || range.low() >= 0 && range.high() <= 1;
        return probabilities ? Axis.linear(0, 1, 10) : Axis.linear(range.low(), range.high(), 10);
    }

    private double[] shares(double[] values, Axis x) {
        double[] shares = new double[bins];
        for (double v : values) {
            int bin = (int) (x.fraction(v) * bins);
            shares[Math.clamp(bin, 0, bins - 1)] += 1.0 / values.length;
        }
        return shares;
    }

    private void draw(Plot plot, double[] shares, Axis x, int n) {
        StringBuilder outline = new StringBuilder();
        double width = (x.high() - x.low()) / bins;
        double y = plot.bottom();
        boolean drawn = false;
        for (int i = 0; i <= bins; i++) {
            double next = i < bins ? plot.y(shares[i]) : plot.bottom();
            if (next != y || i == bins) {
                String atX = Svg.coordinate(plot.x(x.low() + i * width));
                outline.append(drawn ? 'L' : 'M').append(atX).append(' ').append(Svg.coordinate(y));
                outline.append('L').append(atX).append(' ').append(Svg.coordinate(next));
                drawn = true;
                y = next;
            }
        }
        plot.svg()
                .element("path")
                .set("d", outline.toString())
                .fill(n)
                .set("fill-opacity", groups.size() > 2 ? 0.08 : 0.22)
                .end();
        plot.path(outline.toString(), n);
    }

    private static void mark(Plot plot, Axis x, double threshold) {
        if (!(threshold >= x.low() && threshold <= x.high())) {
            return;
        }
        double at = plot.x(threshold);
        plot.svg()
                .line(at, plot.top(), at, plot.bottom())
                .stroke("mark")
                .set("stroke-dasharray", "5 4")
                .set("stroke-width", 1.2)
                .end();
        boolean leftHalf = x.fraction(threshold) < 0.5;
        plot.svg()
                .text(leftHalf ? at + 6 : at - 6, plot.top() + 12, 11, leftHalf ? "start" : "end", "ink")
                .end("threshold " + Ticks.number(threshold));
    }
}
