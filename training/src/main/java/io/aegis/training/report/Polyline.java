package io.aegis.training.report;

import java.util.ArrayList;
import java.util.List;

/**
 * An SVG path through points with ascending x. Where many points share a pixel column it keeps the first, lowest,
 * highest and last of them, which looks the same and stays small.
 */
final class Polyline {
    private record Pixel(double x, double y) {}

    private final StringBuilder path = new StringBuilder();
    private final List<Pixel> column = new ArrayList<>();
    private boolean broken = true;

    /** Goes on to a point, in pixels. */
    Polyline to(double x, double y) {
        if (!column.isEmpty() && Math.floor(column.getFirst().x) != Math.floor(x)) {
            flush();
        }
        column.add(new Pixel(x, y));
        return this;
    }

    /** Lifts the pen. */
    Polyline gap() {
        flush();
        broken = true;
        return this;
    }

    /** The path so far. */
    String path() {
        flush();
        return path.toString();
    }

    private void flush() {
        int low = 0;
        int high = 0;
        for (int i = 0; i < column.size(); i++) {
            low = column.get(i).y < column.get(low).y ? i : low;
            high = column.get(i).y > column.get(high).y ? i : high;
        }
        for (int i = 0; i < column.size(); i++) {
            if (i == 0 || i == low || i == high || i + 1 == column.size()) {
                Pixel p = column.get(i);
                path.append(broken ? 'M' : 'L').append(Svg.coordinate(p.x)).append(' ');
                path.append(Svg.coordinate(p.y));
                broken = false;
            }
        }
        column.clear();
    }
}
