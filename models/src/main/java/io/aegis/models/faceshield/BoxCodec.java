package io.aegis.models.faceshield;

import io.aegis.image.Corners;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How answers write boxes: four numbers x1 y1 x2 y2 in brackets. */
public enum BoxCodec {
    /** Pixels of the picture as it was given, one decimal: {@code [ 99.0 295.0 341.0 485.0 ]}, as published. */
    ABSOLUTE {
        @Override
        double unit(int side) {
            return 1;
        }

        @Override
        String written(double v) {
            return String.format(Locale.ROOT, "%.1f", v);
        }
    },
    /** Thousandths of the picture's width and height, whole numbers: {@code [ 248 531 853 871 ]}. */
    NORM1000 {
        @Override
        double unit(int side) {
            return side / 1000.0;
        }

        @Override
        String written(double v) {
            return Long.toString(Math.round(v));
        }
    };

    private static final String NUMBER = "(-?\\d+(?:\\.\\d+)?)";
    private static final String BETWEEN = "(?:\\s*,\\s*|\\s+)";
    private static final Pattern BOX =
            Pattern.compile("\\[\\s*" + NUMBER + BETWEEN + NUMBER + BETWEEN + NUMBER + BETWEEN + NUMBER + "\\s*\\]");

    /** Pixels of a written 1, along a side of this many pixels. */
    abstract double unit(int side);

    abstract String written(double v);

    /** The name in config.json. */
    public String title() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** A rectangle in a picture of this size, as answers write it. */
    public String write(Corners r, int width, int height) {
        return "[ " + written(r.x1() / unit(width)) + " " + written(r.y1() / unit(height)) + " "
                + written(r.x2() / unit(width)) + " " + written(r.y2() / unit(height)) + " ]";
    }

    /** The first box in an answer about a picture of this size: corners put in order, cut to the picture. */
    public BoxReading read(String answer, int width, int height) {
        Matcher m = BOX.matcher(answer);
        if (!m.find()) {
            return new BoxReading.Missing();
        }
        double x1 = Double.parseDouble(m.group(1)) * unit(width);
        double y1 = Double.parseDouble(m.group(2)) * unit(height);
        double x2 = Double.parseDouble(m.group(3)) * unit(width);
        double y2 = Double.parseDouble(m.group(4)) * unit(height);
        if (!Double.isFinite(x1 + y1 + x2 + y2)) {
            return new BoxReading.Rejected(m.group() + " has a number that is too large");
        }
        double left = Math.clamp(Math.min(x1, x2), 0.0, width);
        double top = Math.clamp(Math.min(y1, y2), 0.0, height);
        double right = Math.clamp(Math.max(x1, x2), 0.0, width);
        double bottom = Math.clamp(Math.max(y1, y2), 0.0, height);
        if (left >= right || top >= bottom) {
            return new BoxReading.Rejected(
                    m.group() + " has no area inside the picture, which is " + width + "x" + height);
        }
        boolean clipped = left != Math.min(x1, x2)
                || top != Math.min(y1, y2)
                || right != Math.max(x1, x2)
                || bottom != Math.max(y1, y2);
        return new BoxReading.Found(new Corners(left, top, right, bottom), x1 > x2 || y1 > y2, clipped);
    }
}
