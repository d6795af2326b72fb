package io.aegis.training.report;

import java.util.List;

/** The frame of a chart: title, legend, grid, axes; and the way from values to pixels. */
final class Plot {
    private static final int TICK = 11;
    private static final int TITLE = 15;
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
        svg.element("rect")
                .set("width", frame.width)
                .set("height", frame.height)
                .set("rx", 6)
                .fill("surface")
                .end();
        svg.text(left, 26, TITLE, "start", "ink").set("font-weight", 600).end(frame.title);
        top = legend(frame.legend, 44);
        grid();
        svg.text((left + right) / 2, frame.height - 12, LABEL, "middle", "muted")
                .end(frame.xLabel);
        double middle = (top + bottom) / 2;
        svg.text(20, middle, LABEL, "middle", "muted")
                .set("transform", "rotate(-90 20 " + Svg.coordinate(middle) + ")")
                .end(frame.yLabel);
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
    void path(String d, int series) {
        svg.element("path")
                .set("d", d)
                .set("fill", "none")
                .stroke(series)
                .set("stroke-dasharray", Palette.dashes(series))
                .set("stroke-width", 1.8)
                .set("stroke-linejoin", "round")
                .set("stroke-linecap", "round")
                .end();
    }

    /** A dot at a value; under the pointer it says what it is. */
    void dot(double atX, double atY, double radius, int series, String hint) {
        svg.element("circle")
                .set("cx", x(atX))
                .set("cy", y(atY))
                .set("r", radius)
                .fill(series)
                .hint(hint);
    }

    /** What stands where there is nothing to draw. */
    void empty() {
        svg.text((left + right) / 2, (top + bottom) / 2, LABEL, "middle", "muted")
                .end("no data");
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
            svg.line(atX, atY - 4, atX + 18, atY - 4)
                    .stroke(i)
                    .set("stroke-width", 3)
                    .set("stroke-dasharray", Palette.dashes(i))
                    .end();
            svg.text(atX + 24, atY, LABEL, "start", "ink").end(name);
            atX += needed;
        }
        return atY + 14;
    }

    private void grid() {
        for (Tick t : y.ticks()) {
            double at = y(t.value());
            svg.line(left, at, right, at).stroke("grid").end();
            svg.text(left - 8, at + 4, TICK, "end", "muted").end(t.label());
        }
        for (Tick t : x.ticks()) {
            double at = x(t.value());
            svg.line(at, bottom, at, bottom + 5).stroke("axis").end();
            svg.text(at, bottom + 18, TICK, "middle", "muted").end(t.label());
        }
        svg.line(left, bottom, right, bottom).stroke("axis").end();
    }
}
