package io.aegis.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.training.metrics.RocCurve;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

class ChartTest {
    private static final Scores SCORES =
            Scores.of("s", Split.TEST, new double[] {.9, .7, .6, .2, .1, .3, .4, .8}, new boolean[] {
                true, true, true, true, false, false, false, false
            });
    private static final Pattern PAIR = Pattern.compile("([ML])(-?[0-9.]+) (-?[0-9.]+)");

    /** The points of a path, as x, y, and 1 where the pen moved there. */
    private static List<double[]> points(Element path) {
        return PAIR.matcher(path.getAttribute("d"))
                .results()
                .map(m -> new double[] {
                    Double.parseDouble(m.group(2)),
                    Double.parseDouble(m.group(3)),
                    m.group(1).equals("M") ? 1 : 0
                })
                .toList();
    }

    private static Element line(Xml svg, int series) {
        return svg.all("path").stream()
                .filter(e -> e.getAttribute("class").equals("s" + series))
                .findFirst()
                .orElseThrow();
    }

    private static LineChart chart(boolean logarithmic, Series... series) {
        return new LineChart("Loss", "step", "loss", List.of(series), logarithmic);
    }

    static List<Chart> everyKind() {
        RocCurve roc = RocCurve.of(SCORES);
        List<RocChart.Curve> curves = List.of(
                new RocChart.Curve("a & b", roc, OptionalDouble.of(.5)),
                new RocChart.Curve("c", roc, OptionalDouble.empty()));
        List<Histogram.Group> groups = List.of(
                new Histogram.Group("bona fide", SCORES.bonaFideScores()),
                new Histogram.Group("attack", SCORES.attackScores()),
                new Histogram.Group("none"));
        Series loss = Series.of("total <1>", 3, 2, Double.NaN, 1, 0.5);
        return List.of(
                chart(false, loss),
                chart(true, loss),
                chart(false),
                chart(true, Series.of("nothing", 0, -1)),
                new RocChart("ROC", curves, false),
                new RocChart("ROC", curves, true),
                new RocChart("ROC", List.of(), true),
                new Histogram("Scores", "p", groups, 20, OptionalDouble.of(.5)),
                new Histogram("Scores", "p", List.of(), 20, OptionalDouble.of(.5)));
    }

    @Test
    void everyChartIsWellFormedAndDrawsWithinItsFrame() {
        for (Chart chart : everyKind()) {
            Xml svg = Xml.parse(chart.svg());
            Element root = svg.document().getDocumentElement();
            double width = Double.parseDouble(root.getAttribute("width"));
            double height = Double.parseDouble(root.getAttribute("height"));
            assertThat(root.getAttribute("xmlns")).isEqualTo("http://www.w3.org/2000/svg");
            assertThat(root.getAttribute("aria-label")).isEqualTo(chart.title());
            assertThat(chart.svg()).doesNotContain("NaN", "Infinity", "<script", "href", "url(");
            for (Element path : svg.all("path")) {
                for (double[] p : points(path)) {
                    assertThat(p[0]).isBetween(0.0, width);
                    assertThat(p[1]).isBetween(0.0, height);
                }
            }
            assertThat(svg.texts("text")).contains(chart.title());
        }
    }

    @Test
    void textsAreEscaped() {
        LineChart chart = new LineChart("<script>\"&'", "a<b", "\u0000\ud800x", List.of(Series.of("]]>", 1, 2)), false);
        Xml svg = Xml.parse(chart.svg());
        assertThat(svg.all("script")).isEmpty();
        assertThat(svg.texts("text")).contains("<script>\"&'", "a<b", "\ufffd\ufffdx", "]]>");
    }

    @Test
    void linesGoWhereTheirValuesAre() {
        Xml svg = Xml.parse(chart(false, new Series("s", new double[] {0, 5, 10}, new double[] {0, 4, 2}))
                .svg());
        List<double[]> p = points(line(svg, 0));
        assertThat(p).hasSize(3);
        // The middle of the x range, and the top and the middle of [0, 4].
        assertThat(p.get(1)[0]).isCloseTo((p.get(0)[0] + p.get(2)[0]) / 2, within(0.02));
        assertThat(p.get(2)[1]).isCloseTo((p.get(0)[1] + p.get(1)[1]) / 2, within(0.02));
        assertThat(p.get(1)[1]).isLessThan(p.get(0)[1]);
        // The bottom gridline is at 0 and the top one at 4.
        List<Double> grid = svg.ofClass("line", "grid").stream()
                .map(e -> Double.parseDouble(e.getAttribute("y1")))
                .toList();
        assertThat(p.get(0)[1]).isEqualTo(grid.getFirst());
        assertThat(p.get(1)[1]).isEqualTo(grid.getLast());
    }

    @Test
    void equalFactorsAreEqualDistancesOnALogarithmicAxis() {
        List<double[]> p =
                points(line(Xml.parse(chart(true, Series.of("s", 100, 10, 1)).svg()), 0));
        assertThat(p.get(1)[1] - p.get(0)[1]).isCloseTo(p.get(2)[1] - p.get(1)[1], within(0.02));
    }

    @Test
    void whatCannotBeDrawnIsAGap() {
        List<double[]> p = points(line(
                Xml.parse(chart(false, Series.of("s", 3, 2, Double.NaN, 1, 0)).svg()), 0));
        assertThat(p).extracting(v -> v[2]).containsExactly(1.0, 0.0, 1.0, 0.0);
        List<double[]> log =
                points(line(Xml.parse(chart(true, Series.of("s", 3, 0, 1)).svg()), 0));
        assertThat(log).extracting(v -> v[2]).containsExactly(1.0, 1.0);
    }

    @Test
    void manyPointsBecomeFewAndKeepTheirExtremes() {
        double[] y = new double[200_000];
        for (int i = 0; i < y.length; i++) {
            y[i] = 1 + Math.sin(i) / 4;
        }
        y[77_777] = 9.5;
        Xml svg = Xml.parse(chart(false, Series.of("s", y)).svg());
        List<double[]> p = points(line(svg, 0));
        assertThat(p).hasSizeLessThan(4 * 560);
        double top = p.stream().mapToDouble(v -> v[1]).min().orElseThrow();
        double bottom =
                Double.parseDouble(svg.ofClass("line", "grid").getFirst().getAttribute("y1"));
        double ten = Double.parseDouble(svg.ofClass("line", "grid").getLast().getAttribute("y1"));
        assertThat((bottom - top) / (bottom - ten)).isCloseTo(0.95, within(1e-3));
    }

    @Test
    void legendsNameEverySeriesAndWrap() {
        List<Series> series = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            series.add(Series.of("a rather long name " + i, 1, 2));
        }
        Xml svg = Xml.parse(new LineChart("t", "x", "y", series, false).svg());
        assertThat(svg.texts("text"))
                .containsAll(series.stream().map(Series::name).toList());
        for (Element text : svg.ofClass("text", "ink")) {
            double end = Double.parseDouble(text.getAttribute("x")) + Svg.width(text.getTextContent(), 12);
            assertThat(end).isLessThan(560);
        }
    }

    @Test
    void rocPassesThroughItsVertices() {
        Xml svg = Xml.parse(
                new RocChart("ROC", List.of(new RocChart.Curve("c", RocCurve.of(SCORES), OptionalDouble.of(.5))), false)
                        .svg());
        List<double[]> p = points(line(svg, 0));
        double x0 = p.getFirst()[0];
        double y0 = p.getFirst()[1];
        double x1 = p.getLast()[0];
        double y1 = p.getLast()[1];
        // Descending: 0.9 l, 0.8 a, 0.7 l, 0.6 l, 0.4 a, 0.3 a, 0.2 l, 0.1 a.
        double[][] corners = {{0, 0}, {0, .25}, {.25, .25}, {.25, .75}, {.5, .75}, {.75, .75}, {.75, 1}, {1, 1}};
        for (double[] c : corners) {
            assertThat(p)
                    .anyMatch(v -> Math.abs((v[0] - x0) / (x1 - x0) - c[0]) < 1e-3
                            && Math.abs((v[1] - y0) / (y1 - y0) - c[1]) < 1e-3);
        }
        assertThat(svg.texts("text")).contains("c (AUC 0.6875)");
        assertThat(svg.texts("title")).containsExactly("c at threshold 0.5: FPR 0.2500, TPR 0.7500");
        Element dot = svg.all("circle").getFirst();
        assertThat((Double.parseDouble(dot.getAttribute("cx")) - x0) / (x1 - x0))
                .isCloseTo(.25, within(1e-3));
        assertThat((Double.parseDouble(dot.getAttribute("cy")) - y0) / (y1 - y0))
                .isCloseTo(.75, within(1e-3));
    }

    @Test
    void logarithmicRocIsStepsThatBeginAtTheRateOfNoFalsePositive() {
        Xml svg = Xml.parse(
                new RocChart("ROC", List.of(new RocChart.Curve("c", RocCurve.of(SCORES), OptionalDouble.empty())), true)
                        .svg());
        List<double[]> p = points(line(svg, 0));
        double top = p.getLast()[1];
        double bottom = svg.ofClass("line", "axis").stream()
                .mapToDouble(e -> Double.parseDouble(e.getAttribute("y1")))
                .max()
                .orElseThrow();
        assertThat((bottom - p.getFirst()[1]) / (bottom - top)).isCloseTo(.25, within(1e-3));
        for (int i = 1; i < p.size(); i++) {
            assertThat(p.get(i)[0] == p.get(i - 1)[0] || p.get(i)[1] == p.get(i - 1)[1])
                    .isTrue();
        }
    }

    @Test
    void histogramHeightsAreSharesOfTheirGroup() {
        Histogram h = new Histogram(
                "h",
                "p",
                List.of(new Histogram.Group("a", 0, 0.1, 0.6, 1, Double.NaN), new Histogram.Group("b", 0.2)),
                2,
                OptionalDouble.empty());
        Xml svg = Xml.parse(h.svg());
        assertThat(svg.texts("text")).contains("a (4)", "b (1)");
        double base = points(line(svg, 1)).getFirst()[1];
        double full = points(line(svg, 1)).get(1)[1];
        double[] a = points(line(svg, 0)).stream()
                .mapToDouble(v -> (base - v[1]) / (base - full))
                .toArray();
        assertThat(a).contains(new double[] {.5}, within(1e-3));
        assertThat(Arrays.stream(a).max().orElseThrow()).isCloseTo(.5, within(1e-3));
        // Scores that are no probabilities get a range of their own.
        String wide =
                new Histogram("h", "logit", List.of(new Histogram.Group("a", -4, 4)), 8, OptionalDouble.of(9)).svg();
        assertThat(Xml.parse(wide).texts("text")).contains("-4", "4").doesNotContain("threshold 9");
        assertThatThrownBy(() -> new Histogram("h", "p", List.of(), 0, OptionalDouble.empty()))
                .hasMessage("a histogram has at least one bin, not 0");
    }

    @Test
    void numbersAreWrittenAlikeInEveryLocale() {
        Locale before = Locale.getDefault();
        try {
            List<String> root = everyKind().stream().map(Chart::svg).toList();
            Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
            assertThat(everyKind().stream().map(Chart::svg).toList()).isEqualTo(root);
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void writesWholeFiles(@TempDir Path folder) throws IOException {
        Path file = Files.createDirectory(folder.resolve("new")).resolve("loss.svg");
        Chart chart = chart(false, Series.of("s", 1, 2));
        chart.write(file);
        assertThat(file).hasContent(chart.svg());
        chart.write(file);
        try (Stream<Path> files = Files.list(file.getParent())) {
            assertThat(files).containsExactly(file);
        }
        Path directory = Files.createDirectories(folder.resolve("taken/inside")).getParent();
        assertThatThrownBy(() -> chart.write(directory)).isInstanceOf(WeightsException.class);
        assertThat(directory.resolve("inside")).exists();
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(2);
        }
    }

    @Test
    void seriesAreChecked() {
        assertThatThrownBy(() -> new Series("s", new double[2], new double[3]))
                .hasMessage("series 's' has 2 positions but 3 values");
        assertThatThrownBy(() -> new Series("s", new double[] {2, 1}, new double[2]))
                .hasMessage("series 's': position 1 is 1.0; positions are finite and ascend");
        Series smooth = Series.of("s", 4, Double.NaN, 2, 2).smoothed(.5);
        assertThat(smooth.y(0)).isEqualTo(4);
        assertThat(smooth.y(1)).isNaN();
        assertThat(smooth.y(2)).isCloseTo((4 * .25 + 2 * .5) / .75, within(1e-12));
        assertThatThrownBy(() -> smooth.smoothed(1))
                .hasMessage("the weight of the past is at least 0 and below 1, not 1.0");
    }
}
