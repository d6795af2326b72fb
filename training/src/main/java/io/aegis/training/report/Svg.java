package io.aegis.training.report;

import java.util.Locale;

/** Writes SVG elements; every value is escaped, every coordinate rounded to a hundredth of a pixel. */
final class Svg {
    private final StringBuilder out = new StringBuilder();

    Svg(int width, int height, String label) {
        out.append("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"aegis-chart\" role=\"img\"");
        attributes("viewBox", "0 0 " + width + " " + height, "width", width, "height", height, "aria-label", label);
        attributes("font-family", Palette.FONT);
        out.append(">\n<style>").append(Palette.darkStyle()).append("</style>\n");
    }

    /** An element without content; attributes as name, value, name, value. */
    Svg element(String name, Object... attributes) {
        out.append('<').append(name);
        attributes(attributes);
        out.append("/>\n");
        return this;
    }

    /** An element with a hint that viewers show under the pointer. */
    Svg hinted(String name, String hint, Object... attributes) {
        out.append('<').append(name);
        attributes(attributes);
        out.append("><title>")
                .append(Escape.text(hint))
                .append("</title></")
                .append(name)
                .append(">\n");
        return this;
    }

    /** One line of text. */
    Svg text(String text, double x, double y, int size, String anchor, String role, Object... more) {
        out.append("<text");
        attributes("x", x, "y", y, "font-size", size, "text-anchor", anchor, "class", role);
        attributes("fill", Palette.light(role));
        attributes(more);
        out.append('>').append(Escape.text(text)).append("</text>\n");
        return this;
    }

    String close() {
        return out.append("</svg>\n").toString();
    }

    /** About how wide a line of text is, in pixels; without fonts nobody knows exactly. */
    static double width(String text, int size) {
        return text.codePointCount(0, text.length()) * size * 0.56;
    }

    /** A coordinate with at most two decimals. */
    static String coordinate(double value) {
        String text = String.format(Locale.ROOT, "%.2f", value + 0.0);
        int end = text.length();
        while (text.charAt(end - 1) == '0') {
            end--;
        }
        text = text.substring(0, text.charAt(end - 1) == '.' ? end - 1 : end);
        return text.equals("-0") ? "0" : text;
    }

    private void attributes(Object... pairs) {
        for (int i = 0; i < pairs.length; i += 2) {
            Object value = pairs[i + 1];
            String text = value instanceof Double d ? coordinate(d) : Escape.text(value.toString());
            out.append(' ').append(pairs[i]).append("=\"").append(text).append('"');
        }
    }
}
