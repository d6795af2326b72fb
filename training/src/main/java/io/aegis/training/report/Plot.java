package io.aegis.training.report;

import java.util.List;

/** The frame of a chart: title, legend, grid, axes; and the way from values to pixels. */
final class Plot {
    private static final int TICK = 11;
    private static final int LABEL = 12;
    private static final int LEGEND_ROW = 20;

    /**
     * What a frame needs to know.
     *
     * @param width of the picture in pixels
     * @param height of the picture in pixels
     * @param title above everything
     * @param xLabel under the horizontal axis
     * @param yLabel beside the vertical axis
     * @param legend names of the series by number; none is drawn for a single empty name
     */
    record Frame(int width, int height, String title, String xLabel, String yLabel, List<String> legend) {}

    private final Svg svg;
    private final Axis x;
    private final Axis y;
    private final double left;
    private final double right;
    private final double top;
    private final double bottom;

    Plot(Frame frame, Axis x, Axis y) {
        this.x = x;
        this.y = y;
        svg = new Svg(frame.width, frame.height, frame.title);
        double widest = 0;
        for (Tick t : y.ticks()) {
            widest = Math.max(widest, Svg.width(t.label(), TICK));
        }
        left = 16 + LABEL + 8 + widest + 8;
        right = frame.width - 20.0;
        bottom = frame.height - 48.0;
        svg.element(
                "rect",
                "width",
                frame.width,
                "height",
                frame.height,
                "rx",
                6,
                "class",
                "surface",
                "fill",
                Palette.light("surface"));
        svg.text(frame.title, left, 26, 15, "start", "ink", "font-weight", 600);
        top = legend(frame.legend, 44);
        grid();
        svg.text(frame.xLabel, (left + right) / 2, frame.height - 12, LABEL, "middle", "muted");
        double middle = (top + bottom) / 2;
        svg.text(
                frame.yLabel,
                20,
                middle,
                LABEL,
                "middle",
                "muted",
                "transform",
                "rotate(-90 20 " + Svg.coordinate(middle) + ")");
    }

    Svg svg() {
        return svg;
    }

    double x(double value) {
        return left + x.fraction(value) * (right - left);
    }

    double y(double value) {
        return bottom - y.fraction(value) * (bottom - top);
    }

    double left() {
        return left;
    }

    double right() {
        return right;
    }

    double top() {
        return top;
    }

    double bottom() {
        return bottom;
    }

    /** A line through pixels, given as an SVG path. */
    void path(CharSequence d, int series) {
        svg.element(
                "path",
                "d",
                d,
                "class",
                Palette.stroke(series),
                "stroke",
                Palette.series(series),
                "stroke-dasharray",
                Palette.dashes(series),
                "fill",
                "none",
                "stroke-width",
                1.8,
                "stroke-linejoin",
                "round",
                "stroke-linecap",
                "round");
    }

    /** A dot at a value; under the pointer it says what it is. */
    void dot(double atX, double atY, int series, String hint) {
        svg.hinted(
                "circle",
                hint,
                "cx",
                x(atX),
                "cy",
                y(atY),
                "r",
                4.0,
                "class",
                Palette.fill(series),
                "fill",
                Palette.series(series));
    }

    /** What stands where there is nothing to draw. */
    void empty() {
        svg.text("no data", (left + right) / 2, (top + bottom) / 2, LABEL, "middle", "muted");
    }

    private double legend(List<String> names, double y0) {
        if (names.size() <= 1 && String.join("", names).isEmpty()) {
            return y0;
        }
        double atX = left;
        double atY = y0 + 6;
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            double needed = 24 + Svg.width(name, LABEL) + 18;
            if (atX > left && atX + needed > right + 18) {
                atX = left;
                atY += LEGEND_ROW;
            }
            svg.element(
                    "line",
                    "x1",
                    atX,
                    "y1",
                    atY - 4,
                    "x2",
                    atX + 18,
                    "y2",
                    atY - 4,
                    "class",
                    Palette.stroke(i),
                    "stroke",
                    Palette.series(i),
                    "stroke-width",
                    3,
                    "stroke-dasharray",
                    Palette.dashes(i),
                    "stroke-linecap",
                    Palette.dashes(i).equals("none") ? "round" : "butt");
            svg.text(name, atX + 24, atY, LABEL, "start", "ink");
            atX += needed;
        }
        return atY + 14;
    }

    private void grid() {
        for (Tick t : y.ticks()) {
            line(left, y(t.value()), right, y(t.value()), "grid");
            svg.text(t.label(), left - 8, y(t.value()) + 4, TICK, "end", "muted");
        }
        for (Tick t : x.ticks()) {
            line(x(t.value()), bottom, x(t.value()), bottom + 5, "axis");
            svg.text(t.label(), x(t.value()), bottom + 18, TICK, "middle", "muted");
        }
        line(left, bottom, right, bottom, "axis");
    }

    private void line(double x1, double y1, double x2, double y2, String role) {
        svg.element("line", "x1", x1, "y1", y1, "x2", x2, "y2", y2, "class", role, "stroke", Palette.light(role));
    }
}
