package io.aegis.training.report;

import io.aegis.weights.AtomicFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A report in one HTML file: no scripts, nothing loaded from elsewhere, legible on light and dark screens and on paper.
 * All text is plain text and is escaped. Calls append, and return the report.
 */
public final class HtmlReport {
    /**
     * A PNG picture.
     *
     * @param png the encoded file
     * @param caption under the picture, and its description for those who do not see it
     */
    public record Picture(byte[] png, String caption) {}

    private final String title;
    private final List<String> sections = new ArrayList<>();
    private final StringBuilder body = new StringBuilder();

    /** An empty report. */
    public HtmlReport(String title) {
        this.title = title;
    }

    /** Begins a section; sections are listed at the top. */
    public HtmlReport heading(String text) {
        sections.add(text);
        return tag("h2", " id=\"section-" + sections.size() + "\"", text);
    }

    /** Begins a part of a section. */
    public HtmlReport subheading(String text) {
        return tag("h3", "", text);
    }

    /** Running text. */
    public HtmlReport paragraph(String text) {
        return tag("p", "", text);
    }

    /** Text that must not be overlooked. */
    public HtmlReport note(String text) {
        return tag("p", " class=\"note\"", text);
    }

    /** Text as a terminal shows it, line breaks and spaces kept. */
    public HtmlReport terminal(String text) {
        return tag("pre", "", text);
    }

    /** A few numbers to see first: what each is, and its value; in the map's order. */
    public HtmlReport figures(Map<String, String> figures) {
        body.append("<dl class=\"figures\">\n");
        figures.forEach((name, value) -> body.append("<div><dt>")
                .append(Escape.text(name))
                .append("</dt><dd>")
                .append(Escape.text(value))
                .append("</dd></div>\n"));
        body.append("</dl>\n");
        return this;
    }

    /**
     * A table; a column of nothing but numbers, with or without a unit, is set right.
     *
     * @param header a cell a column; a table of blank headers has no header row
     * @param rows each with as many cells
     * @throws IllegalArgumentException for a row with another number of cells
     */
    public HtmlReport table(List<String> header, List<List<String>> rows) {
        StringBuilder table = new StringBuilder("<div class=\"scroll\"><table>\n");
        if (header.stream().anyMatch(h -> !h.isBlank())) {
            table.append("<thead><tr>");
            for (int c = 0; c < header.size(); c++) {
                table.append("<th scope=\"col\"").append(numeric(rows, c) ? " class=\"number\">" : ">");
                table.append(Escape.text(header.get(c))).append("</th>");
            }
            table.append("</tr></thead>\n");
        }
        table.append("<tbody>\n");
        for (int r = 0; r < rows.size(); r++) {
            List<String> row = rows.get(r);
            if (row.size() != header.size()) {
                throw new IllegalArgumentException(
                        "row " + (r + 1) + " of a table has " + row.size() + " cells, its header " + header.size());
            }
            table.append("<tr>");
            for (int c = 0; c < row.size(); c++) {
                table.append(numeric(rows, c) ? "<td class=\"number\">" : "<td>");
                table.append(Escape.text(row.get(c))).append("</td>");
            }
            table.append("</tr>\n");
        }
        body.append(table).append("</tbody></table></div>\n");
        return this;
    }

    /** A chart on its own. */
    public HtmlReport chart(Chart chart, String caption) {
        body.append("<figure>\n").append(chart.svg());
        caption(caption).append("</figure>\n");
        return this;
    }

    /** Charts beside each other where there is room. */
    public HtmlReport charts(List<? extends Chart> charts) {
        body.append("<div class=\"charts\">\n");
        charts.forEach(c -> body.append(c.svg()));
        body.append("</div>\n");
        return this;
    }

    /**
     * Pictures beside each other, inside the file. Small ones are enlarged by a whole factor.
     *
     * @throws IllegalArgumentException for bytes that are no PNG
     */
    public HtmlReport pictures(List<Picture> pictures) {
        StringBuilder gallery = new StringBuilder("<div class=\"pictures\">\n");
        for (Picture p : pictures) {
            gallery.append("<figure>")
                    .append(PngImage.element(p.png, p.caption))
                    .append("<figcaption>");
            gallery.append(Escape.text(p.caption)).append("</figcaption></figure>\n");
        }
        body.append(gallery).append("</div>\n");
        return this;
    }

    /** The whole page. */
    public String html() {
        String page = """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <meta name="color-scheme" content="light dark">
                <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
                """;
        return page + "<title>" + Escape.text(title) + "</title>\n<style>\n" + StyleSheet.CSS
                + "</style>\n</head>\n<body>\n<main>\n<h1>" + Escape.text(title) + "</h1>\n" + contents() + body
                + "</main>\n</body>\n</html>\n";
    }

    /**
     * Writes the page to a file, whole or not at all.
     *
     * @throws io.aegis.weights.WeightsException when it cannot be written; what stood there before is then still there
     */
    public void write(Path file) {
        AtomicFile.write(file, html().getBytes(StandardCharsets.UTF_8));
    }

    private String contents() {
        if (sections.size() < 3) {
            return "";
        }
        StringBuilder nav = new StringBuilder("<nav>");
        for (int i = 0; i < sections.size(); i++) {
            nav.append("<a href=\"#section-").append(i + 1).append("\">");
            nav.append(Escape.text(sections.get(i))).append("</a> ");
        }
        return nav.append("</nav>\n").toString();
    }

    private HtmlReport tag(String name, String attributes, String text) {
        body.append('<').append(name).append(attributes).append('>').append(Escape.text(text));
        body.append("</").append(name).append(">\n");
        return this;
    }

    private StringBuilder caption(String text) {
        return text.isBlank()
                ? body
                : body.append("<figcaption>").append(Escape.text(text)).append("</figcaption>");
    }

    private static boolean numeric(List<List<String>> rows, int column) {
        return !rows.isEmpty() && rows.stream().allMatch(r -> column < r.size() && numeric(r.get(column)));
    }

    private static boolean numeric(String cell) {
        return cell.matches("[-+]?[0-9][0-9.,e+-]*( ?[%a-zA-Z/]{1,5})?");
    }
}
