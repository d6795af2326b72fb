package io.aegis.training.report;

import io.aegis.training.metrics.RocCurve;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * ROC curves: the share of bona fide accepted over the share of attacks accepted.
 *
 * @param title above the chart
 * @param curves in the order of their colours
 * @param logarithmic whether the horizontal axis is, which shows the few false positives that matter in use; lines are
 *     then steps, since no threshold lies between two vertices
 */
public record RocChart(String title, List<Curve> curves, boolean logarithmic) implements Chart {
    private static final int WIDTH = 560;
    private static final int HEIGHT = 500;
    private static final double LEAST = 1e-4;

    /**
     * One curve.
     *
     * @param name in the legend, where its AUC is added
     * @param roc what is drawn
     * @param threshold where the operating point is marked, if anywhere
     */
    public record Curve(String name, RocCurve roc, OptionalDouble threshold) {}

    /** Copies the list. */
    public RocChart {
        curves = List.copyOf(curves);
    }

    @Override
    public String svg() {
        List<String> legend = curves.stream()
                .map(c -> String.format(Locale.ROOT, "%s (AUC %.4f)", c.name, c.roc.auc()))
                .toList();
        Axis x = logarithmic ? Axis.logarithmic(least(), 1, 6) : Axis.linear(0, 1, 5);
        Plot plot = new Plot(
                new Plot.Frame(WIDTH, HEIGHT, title, "attacks accepted (FPR)", "bona fide accepted (TPR)", legend),
                x,
                Axis.linear(0, 1, 5));
        chance(plot, x);
        if (curves.isEmpty()) {
            plot.empty();
        }
        for (int n = 0; n < curves.size(); n++) {
            Curve c = curves.get(n);
            plot.path(line(plot, c.roc, x.low()), n);
            if (c.threshold.isPresent()) {
                mark(plot, c, x.low(), n);
            }
        }
        return plot.svg().close();
    }

    private String line(Plot plot, RocCurve roc, double low) {
        Polyline line = new Polyline();
        double before = logarithmic ? roc.tprAtFpr(low) : 0;
        for (RocCurve.Point p : roc.points()) {
            double fpr = Math.max(roc.fpr(p), low);
            if (logarithmic) {
                line.to(plot.x(fpr), plot.y(before));
            }
            before = Math.max(before, roc.tpr(p));
            line.to(plot.x(fpr), plot.y(before));
        }
        return line.path();
    }

    /** The vertex in force at a threshold is the last one whose own threshold is not below it. */
    private static void mark(Plot plot, Curve c, double low, int n) {
        double threshold = c.threshold.getAsDouble();
        RocCurve.Point at = c.roc.points().getFirst();
        for (RocCurve.Point p : c.roc.points()) {
            at = p.threshold() >= threshold ? p : at;
        }
        double fpr = c.roc.fpr(at);
        double tpr = c.roc.tpr(at);
        String hint = String.format(
                Locale.ROOT, "%s at threshold %s: FPR %.4f, TPR %.4f", c.name, Ticks.number(threshold), fpr, tpr);
        plot.dot(Math.max(fpr, low), tpr, 5, n, hint);
    }

    private void chance(Plot plot, Axis x) {
        Polyline line = new Polyline();
        for (int i = 0; i <= 64; i++) {
            double fraction = i / 64.0;
            double fpr = logarithmic ? Math.pow(x.low(), 1 - fraction) : fraction;
            line.to(plot.x(fpr), plot.y(fpr));
        }
        plot.svg()
                .element("path")
                .set("d", line.path())
                .set("fill", "none")
                .stroke("axis")
                .set("stroke-dasharray", "4 4")
                .end();
    }

    /** The decade below the smallest false positive rate that any curve can have. */
    private double least() {
        int most = curves.stream().mapToInt(c -> c.roc.attacks()).max().orElse(1000);
        return Math.clamp(Math.pow(10, Math.floor(-Math.log10(most) + 1e-9)), LEAST, 0.1);
    }
}
