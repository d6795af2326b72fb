package io.aegis.training.report;

import java.util.List;

/**
 * Lines over one axis, such as loss over steps.
 *
 * @param title above the chart
 * @param xLabel of the horizontal axis
 * @param yLabel of the vertical axis
 * @param series in the order of their colours
 * @param logarithmic whether the vertical axis is; values that are not positive are then gaps
 */
public record LineChart(String title, String xLabel, String yLabel, List<Series> series, boolean logarithmic)
        implements Chart {
    private static final int WIDTH = 560;
    private static final int HEIGHT = 330;

    /** Copies the list. */
    public LineChart {
        series = List.copyOf(series);
    }

    @Override
    public String svg() {
        Range x = new Range();
        Range y = new Range();
        for (Series s : series) {
            for (int i = 0; i < s.size(); i++) {
                if (shows(s.y(i))) {
                    x.add(s.x(i));
                    y.add(s.y(i));
                }
            }
        }
        Plot.Frame frame = new Plot.Frame(
                WIDTH,
                HEIGHT,
                title,
                xLabel,
                yLabel,
                series.stream().map(Series::name).toList());
        Plot plot =
                new Plot(frame, x.isEmpty() ? Axis.linear(0, 1, 6) : Axis.linear(x.low(), x.high(), 8), vertical(y));
        if (y.isEmpty()) {
            plot.empty();
        }
        for (int n = 0; n < series.size(); n++) {
            draw(plot, n);
        }
        return plot.svg().close();
    }

    private void draw(Plot plot, int n) {
        Series s = series.get(n);
        Polyline line = new Polyline();
        int shown = 0;
        int last = -1;
        for (int i = 0; i < s.size(); i++) {
            if (shows(s.y(i))) {
                line.to(plot.x(s.x(i)), plot.y(s.y(i)));
                shown++;
                last = i;
            } else {
                line.gap();
            }
        }
        if (shown > 0) {
            plot.path(line.path(), n);
            // A dot at the end makes single points visible and says the last value.
            String hint = s.name() + ": " + Ticks.number(s.y(last)) + " at " + Ticks.number(s.x(last));
            plot.dot(s.x(last), s.y(last), 3, n, hint);
        }
    }

    private Axis vertical(Range y) {
        if (y.isEmpty()) {
            return Axis.linear(0, 1, 5);
        }
        if (logarithmic) {
            double pad = Math.pow(y.high() / y.low(), 0.05);
            return Axis.logarithmic(y.low() / pad, y.high() * pad, 6);
        }
        boolean fromZero = y.low() >= 0 && y.low() < 0.4 * y.high();
        return Axis.rounded(fromZero ? 0 : y.low(), y.high(), 5);
    }

    private boolean shows(double value) {
        return Double.isFinite(value) && !(logarithmic && value <= 0);
    }
}
