package io.aegis.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

class HtmlReportTest {
    private static byte[] png(int width, int height) {
        return ByteBuffer.allocate(40)
                .putLong(0x89504E470D0A1A0AL)
                .putInt(13)
                .putInt(0x49484452)
                .putInt(width)
                .putInt(height)
                .array();
    }

    /** The page as XML: its void elements closed and the doctype dropped. */
    private static Xml parse(HtmlReport report) {
        return Xml.parse(report.html().replace("<!DOCTYPE html>", "").replaceAll("(<(?:meta|img)\\b[^>]*)>", "$1/>"));
    }

    @Test
    void everyPartIsThereInOrder() {
        Map<String, String> figures = new LinkedHashMap<>();
        figures.put("AUC", "0.97");
        figures.put("HTER", "0.08");
        HtmlReport report = new HtmlReport("Title")
                .figures(figures)
                .heading("One")
                .paragraph("text")
                .subheading("Part")
                .heading("Two")
                .note("mind")
                .terminal("a\n  b")
                .heading("Three");
        ChartTest.everyKind().forEach(c -> report.chart(c, "caption"));
        report.charts(ChartTest.everyKind());
        Xml page = parse(report);
        assertThat(page.texts("h1")).containsExactly("Title");
        assertThat(page.texts("h2")).containsExactly("One", "Two", "Three");
        assertThat(page.texts("h3")).containsExactly("Part");
        assertThat(page.texts("p")).containsExactly("text", "mind");
        assertThat(page.texts("pre")).containsExactly("a\n  b");
        assertThat(page.texts("dt")).containsExactly("AUC", "HTER");
        assertThat(page.texts("dd")).containsExactly("0.97", "0.08");
        assertThat(page.all("svg")).hasSize(2 * ChartTest.everyKind().size());
        // Every link at the top leads to a section.
        assertThat(page.texts("a")).containsExactly("One", "Two", "Three");
        List<String> sections =
                page.all("h2").stream().map(e -> "#" + e.getAttribute("id")).toList();
        assertThat(page.all("a")).extracting(e -> e.getAttribute("href")).isEqualTo(sections);
    }

    @Test
    void nothingIsLoadedFromElsewhere() {
        HtmlReport report = new HtmlReport("t").chart(ChartTest.everyKind().getFirst(), "");
        report.pictures(List.of(new HtmlReport.Picture(png(8, 8), "p")));
        assertThat(report.html().replace("http://www.w3.org/2000/svg", ""))
                .doesNotContain("http:", "https:", "<script", "<link", "@import", "url(");
        assertThat(report.html()).contains("default-src 'none'");
    }

    @Test
    void textIsEscapedEverywhere() {
        String evil = "</title><script>alert(1)</script>\" onload='x' &amp; \u0007";
        String shown = evil.replace('\u0007', '\ufffd');
        HtmlReport report = new HtmlReport(evil)
                .heading(evil)
                .heading(evil)
                .heading(evil)
                .subheading(evil)
                .paragraph(evil)
                .note(evil)
                .terminal(evil)
                .figures(Map.of(evil, evil))
                .table(List.of(evil), List.of(List.of(evil)))
                .chart(new LineChart(evil, evil, evil, List.of(Series.of(evil, 1)), false), evil)
                .pictures(List.of(new HtmlReport.Picture(png(8, 8), evil)));
        Xml page = parse(report);
        assertThat(page.all("script")).isEmpty();
        for (String element : List.of("h1", "h2", "h3", "p", "pre", "dt", "dd", "th", "td", "a", "figcaption")) {
            assertThat(page.texts(element)).as(element).isNotEmpty().containsOnly(shown);
        }
        assertThat(page.all("img").getFirst().getAttribute("alt")).isEqualTo(shown);
    }

    @Test
    void tablesSetNumbersRight() {
        HtmlReport report = new HtmlReport("t")
                .table(
                        List.of("model", "AUC", "time", "mixed"),
                        List.of(List.of("3 modalities", "0.97", "12 s", "1"), List.of("RGB", "-1e-3", "7 s", "none")));
        Xml page = parse(report);
        assertThat(page.all("th")).extracting(e -> e.getAttribute("class")).containsExactly("", "number", "number", "");
        assertThat(page.all("td"))
                .extracting(e -> e.getAttribute("class"))
                .containsExactly("", "number", "number", "", "", "number", "number", "");
        assertThat(parse(new HtmlReport("t").table(List.of("", ""), List.of(List.of("a", "b"))))
                        .all("thead"))
                .isEmpty();
        assertThatThrownBy(() -> report.table(List.of("a", "b"), List.of(List.of("1", "2"), List.of("1"))))
                .hasMessage("row 2 of a table has 1 cells, its header 2");
        // What was refused left nothing behind.
        assertThat(parse(report).all("table")).hasSize(1);
    }

    @Test
    void picturesAreInsideAndSmallOnesEnlarged() {
        byte[] small = png(64, 48);
        HtmlReport report = new HtmlReport("t")
                .pictures(
                        List.of(new HtmlReport.Picture(small, "small"), new HtmlReport.Picture(png(640, 480), "big")));
        List<Element> images = parse(report).all("img");
        assertThat(images.get(0).getAttribute("width")).isEqualTo("128");
        assertThat(images.get(0).getAttribute("height")).isEqualTo("96");
        assertThat(images.get(1).getAttribute("width")).isEqualTo("640");
        String prefix = "data:image/png;base64,";
        assertThat(images.get(0).getAttribute("src")).startsWith(prefix);
        assertThat(Base64.getDecoder().decode(images.get(0).getAttribute("src").substring(prefix.length())))
                .isEqualTo(small);
        for (byte[] bad : List.of(new byte[0], new byte[40], new byte[] {(byte) 0x89, 'P', 'N', 'G'})) {
            assertThatThrownBy(() -> report.pictures(List.of(new HtmlReport.Picture(bad, "face"))))
                    .hasMessage("the picture 'face' is not a PNG file");
        }
        assertThatThrownBy(() -> report.pictures(List.of(new HtmlReport.Picture(png(0, 5), "face"))))
                .hasMessage("the picture 'face' has a PNG header of 0 x 5 pixels");
        assertThat(parse(report).all("img")).hasSize(2);
    }

    @Test
    void writesTheFile(@TempDir Path folder) throws IOException {
        HtmlReport report = new HtmlReport("Grüße 你好 😀").paragraph("p");
        Path file = folder.resolve("report.html");
        report.write(file);
        assertThat(file).content().isEqualTo(report.html());
        assertThat(parse(report).texts("h1")).containsExactly("Grüße 你好 😀");
    }
}
