package io.aegis.training.report;

import java.util.Locale;

/** Writes SVG elements; every value is escaped, every coordinate rounded to a hundredth of a pixel. */
final class Svg {
    private final StringBuilder out = new StringBuilder();

    Svg(int width, int height, String label) {
        new Element("svg")
                .set("xmlns", "http://www.w3.org/2000/svg")
                .set("class", "aegis-chart")
                .set("role", "img")
                .set("aria-label", label)
                .set("viewBox", "0 0 " + width + " " + height)
                .set("width", width)
                .set("height", height)
                .set("font-family", Palette.FONT);
        out.append(">\n<style>").append(Palette.darkStyle()).append("</style>\n");
    }

    /** An element, begun; nothing else may be written before it ends. */
    final class Element {
        private final String name;

        private Element(String name) {
            this.name = name;
            out.append('<').append(name);
        }

        Element set(String attribute, double value) {
            return set(attribute, coordinate(value));
        }

        Element set(String attribute, String value) {
            out.append(' ').append(attribute).append("=\"");
            out.append(Escape.text(value)).append('"');
            return this;
        }

        /** A line in the colour of a role. */
        Element stroke(String role) {
            return set("class", role).set("stroke", Palette.light(role));
        }

        /** A line in the colour of a series. */
        Element stroke(int series) {
            return set("class", Palette.stroke(series)).set("stroke", Palette.series(series));
        }

        /** An area in the colour of a role. */
        Element fill(String role) {
            return set("class", role).set("fill", Palette.light(role));
        }

        /** An area in the colour of a series. */
        Element fill(int series) {
            return set("class", Palette.fill(series)).set("fill", Palette.series(series));
        }

        void end() {
            out.append("/>\n");
        }

        /** Ends an element with text inside. */
        void end(String text) {
            out.append('>').append(Escape.text(text));
            out.append("</").append(name).append(">\n");
        }

        /** Ends an element with a hint that viewers show under the pointer. */
        void hint(String text) {
            out.append("><title>").append(Escape.text(text)).append("</title></");
            out.append(name).append(">\n");
        }
    }

    Element element(String name) {
        return new Element(name);
    }

    /** The beginning of a line between two pixels. */
    Element line(double x1, double y1, double x2, double y2) {
        return element("line").set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2);
    }

    /** The beginning of one line of text. */
    Element text(double x, double y, int size, String anchor, String role) {
        return element("text")
                .set("x", x)
                .set("y", y)
                .set("font-size", size)
                .set("text-anchor", anchor)
                .fill(role);
    }

    String close() {
        return out.append("</svg>\n").toString();
    }

    /** About how wide a line of text is, in pixels; without fonts nobody knows exactly. */
    static double width(String text, int size) {
        return text.codePointCount(0, text.length()) * size * 0.58;
    }

    /** A coordinate with at most two decimals. */
    static String coordinate(double value) {
        String text = String.format(Locale.ROOT, "%.2f", value);
        int end = text.length();
        while (text.charAt(end - 1) == '0') {
            end--;
        }
        text = text.substring(0, text.charAt(end - 1) == '.' ? end - 1 : end);
        return text.equals("-0") ? "0" : text;
    }
}
