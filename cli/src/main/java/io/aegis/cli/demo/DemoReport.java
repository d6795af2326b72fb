package io.aegis.cli.demo;

import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.image.PillowResize;
import io.aegis.image.Png;
import io.aegis.models.HeatValues;
import io.aegis.models.dadm.Dadm;
import io.aegis.training.dadm.RunCharts;
import io.aegis.training.data.Sample;
import io.aegis.training.data.Split;
import io.aegis.training.metrics.RocCurve;
import io.aegis.training.report.HeatMap;
import io.aegis.training.report.HtmlReport;
import io.aegis.training.report.RocChart;
import io.aegis.training.synthetic.Attack;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticFace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/** The page that the demo leaves behind. */
final class DemoReport {
    private static final int SIDE = 144;
    private static final double STRENGTH = 0.65;

    private final DemoPlan plan;
    private final String caution;
    private final SyntheticSource source;
    private final Dadm dadm;
    private final Domain unseen;
    private final Split test;
    private final Demo.Trial all;
    private final Demo.Trial rgb;
    private final Optional<FaceShieldDemo> faceShield;

    DemoReport(
            DemoPlan plan,
            String caution,
            SyntheticSource source,
            Dadm dadm,
            Domain unseen,
            Split test,
            Demo.Trial all,
            Demo.Trial rgb,
            Optional<FaceShieldDemo> faceShield) {
        this.plan = plan;
        this.caution = caution;
        this.source = source;
        this.dadm = dadm;
        this.unseen = unseen;
        this.test = test;
        this.all = all;
        this.rgb = rgb;
        this.faceShield = faceShield;
    }

    void write(Path file) {
        Map<String, String> figures = new LinkedHashMap<>();
        figures.put("AUC, all three", number(all.evaluation().auc()));
        figures.put("AUC, RGB alone", number(rgb.evaluation().auc()));
        figures.put("HTER, all three", number(all.evaluation().hter()));
        figures.put("ACER, all three", number(all.evaluation().acer()));
        HtmlReport report = new HtmlReport("Aegis demo: synthetic faces")
                .heading("DADM: three cameras, a domain never seen")
                .paragraph("A small DADM learned from " + 3 * plan.perDomain()
                        + " synthetic faces of three domains, chose its"
                        + " threshold on " + 3 * plan.development() + " others of the same domains, and then judged "
                        + test.size() + " faces of the domain '" + unseen.name()
                        + "', of which it had seen nothing. All"
                        + " DADM's numbers are of that unseen domain, and of " + caution + ".")
                .figures(figures)
                .heading("What is presented")
                .paragraph(
                        "Each attack as colour, depth and infrared camera see it, in the unseen domain. No camera shows"
                                + " all of them: a print is flat in depth, a screen is dark in infrared, a rigid mask has true depth"
                                + " but reflects infrared wrongly, make-up is plain in infrared only.")
                .pictures(gallery())
                .heading("How well the attacks are told")
                .charts(List.of(roc(), RunCharts.scores(all.scores(), all.threshold())))
                .subheading("All three modalities")
                .table(List.of("metric", "value"), all.evaluation().rows())
                .subheading("RGB alone: the same network, trained as long, the other cameras dark")
                .table(List.of("metric", "value"), rgb.evaluation().rows())
                .heading("What the model looks at")
                .paragraph(
                        "Gradient of the decision times the picture's deviation from its mean, summed over each patch, on"
                                + " one scale for the three pictures of a face: bright patches decided.")
                .pictures(importance())
                .heading("Training")
                .charts(List.of(
                        RunCharts.losses(all.outcome().log()),
                        RunCharts.development(all.outcome().log())));
        faceShield.ifPresent(talk -> FaceShieldSection.append(report, talk));
        report.note("Faces, attacks and cameras are drawn by this program. The numbers say that the methods learn and"
                        + " how far that carries over to a domain they never saw; they say nothing about real cameras.")
                .write(file);
    }

    private RocChart roc() {
        return new RocChart(
                "ROC, unseen domain",
                List.of(
                        new RocChart.Curve(
                                "RGB, depth, infrared",
                                RocCurve.of(all.scores()),
                                OptionalDouble.of(all.threshold().value())),
                        new RocChart.Curve("RGB alone", RocCurve.of(rgb.scores()), OptionalDouble.empty())),
                false);
    }

    /** The first bona fide face, and the first of each attack. */
    private List<Sample> examples() {
        Set<String> seen = new LinkedHashSet<>();
        List<Sample> examples = new ArrayList<>();
        for (Sample s : test.samples()) {
            if (seen.add(s.attack())) {
                examples.add(s);
            }
        }
        return examples;
    }

    private List<HtmlReport.Picture> gallery() {
        List<HtmlReport.Picture> pictures = new ArrayList<>();
        for (Sample s : examples()) {
            SyntheticFace face = source.face(s);
            int size = face.size();
            Image row = beside(List.of(
                    enlarged(Image.of(size, size, 3, face.rgb())),
                    enlarged(Image.of(size, size, 1, face.depth())),
                    enlarged(Image.of(size, size, 1, face.infrared()))));
            pictures.add(new HtmlReport.Picture(Png.encode(row), name(face.attack())));
        }
        return pictures;
    }

    private List<HtmlReport.Picture> importance() {
        List<HtmlReport.Picture> pictures = new ArrayList<>();
        for (Sample s : examples()) {
            DadmPictures seen = DadmPictures.of(source.read(s), DemoPlan.CONFIG.image());
            List<HeatValues> maps = dadm.importance(seen);
            List<Image> inputs = List.of(seen.rgb(), seen.depth(), seen.infrared());
            List<Image> row = new ArrayList<>();
            for (int k = 0; k < maps.size(); k++) {
                HeatValues m = maps.get(k);
                byte[] pixels = enlarged(inputs.get(k)).bytes();
                byte[] warm = new HeatMap(m.rows(), m.columns(), m.values()).over(pixels, SIDE, SIDE, 3, STRENGTH);
                row.add(Image.of(SIDE, SIDE, 3, warm));
            }
            double live = dadm.score(List.of(seen))[0];
            String caption = String.format(
                    Locale.ROOT,
                    "%s: judged %s (%.2f)",
                    name(source.face(s).attack()),
                    dadm.isBonaFide(live) ? "bona fide" : "attack",
                    live);
            pictures.add(new HtmlReport.Picture(Png.encode(beside(row)), caption));
        }
        return pictures;
    }

    private static Image enlarged(Image image) {
        return PillowResize.resize(image.rgb(), SIDE, SIDE, PillowResize.Filter.BICUBIC);
    }

    /** Pictures of one size in a row. */
    private static Image beside(List<Image> images) {
        int width = SIDE * images.size();
        byte[] out = new byte[width * SIDE * 3];
        for (int k = 0; k < images.size(); k++) {
            byte[] in = images.get(k).bytes();
            for (int y = 0; y < SIDE; y++) {
                System.arraycopy(in, y * SIDE * 3, out, (y * width + k * SIDE) * 3, SIDE * 3);
            }
        }
        return Image.of(width, SIDE, 3, out);
    }

    private static String name(Attack attack) {
        return attack.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
