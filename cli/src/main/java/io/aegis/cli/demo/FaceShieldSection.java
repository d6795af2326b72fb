package io.aegis.cli.demo;

import io.aegis.cli.faceshield.VerdictPictures;
import io.aegis.image.Corners;
import io.aegis.image.Png;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.Selection;
import io.aegis.models.faceshield.Verdict;
import io.aegis.training.metrics.Localization;
import io.aegis.training.report.HtmlReport;
import io.aegis.training.synthetic.Domain;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The demo's page about FaceShield. */
final class FaceShieldSection {
    private static final double IOU = 0.5;

    private FaceShieldSection() {}

    static void append(HtmlReport report, FaceShieldDemo demo) {
        String domains = demo.seen().stream().map(Domain::name).collect(Collectors.joining(", "));
        int faces = demo.known().coarse().right().total();
        report.heading("FaceShield: a model that sees colours alone, and speaks")
                .paragraph("It answers about " + faces + " new faces of the domains " + domains
                        + ", which synthesize-faces gives it to learn from, and as many of the domain '"
                        + demo.unseen().name()
                        + "', which is kept from it. All text is the model's own, word by word; only numbers in"
                        + " brackets are read from it.")
                .figures(figures(demo))
                .table(List.of("", "known domains", "unseen domain"), comparison(demo));
        report.subheading("Which attack, in the known domains")
                .table(demo.known().fine().header(), demo.known().fine().table())
                .subheading("Which attack, in the unseen domain")
                .table(demo.foreign().fine().header(), demo.foreign().fine().table())
                .heading("What FaceShield says")
                .paragraph(
                        "Each face with the box that the model names, beside it the auxiliary picture that goes through"
                                + " the same tower (binary patterns, gray, oriented gradients), and how near the"
                                + " tokens of both are to the question where the attack is: bright ones are nearest.");
        demo.talks().forEach(talk -> talk(report, demo, talk));
    }

    private static Map<String, String> figures(FaceShieldDemo demo) {
        Map<String, String> out = new LinkedHashMap<>();
        out.put("real or spoof", number(demo.known().coarse().accuracy()));
        out.put("which attack", number(demo.known().fine().accuracy()));
        demo.known().boxes().ifPresent(b -> out.put("boxes with IoU of 0.5", number(b.ap(IOU))));
        out.put("real or spoof, unseen domain", number(demo.foreign().coarse().accuracy()));
        return out;
    }

    private static List<List<String>> comparison(FaceShieldDemo demo) {
        FaceShieldExam a = demo.known();
        FaceShieldExam b = demo.foreign();
        List<List<String>> rows = new ArrayList<>();
        rows.add(
                row("real or spoof, accuracy", a.coarse().accuracy(), b.coarse().accuracy()));
        rows.add(row("real or spoof, half total error rate", hter(a), hter(b)));
        rows.add(row("which attack, accuracy", a.fine().accuracy(), b.fine().accuracy()));
        rows.add(row("which attack, macro-F1", a.fine().macroF1(), b.fine().macroF1()));
        rows.add(row(
                "conclusion of the reasons, accuracy",
                a.reasoning().accuracy(),
                b.reasoning().accuracy()));
        if (a.boxes().isPresent() && b.boxes().isPresent()) {
            Localization known = a.boxes().get();
            Localization foreign = b.boxes().get();
            rows.add(row("partial attacks with a box of IoU of at least 0.5", known.ap(IOU), foreign.ap(IOU)));
            rows.add(row("mean IoU of those boxes", known.meanIou(), foreign.meanIou()));
        }
        return rows;
    }

    private static double hter(FaceShieldExam exam) {
        return exam.coarse().hter().orElse(Double.NaN);
    }

    private static List<String> row(String what, double known, double unseen) {
        return List.of(what, number(known), number(unseen));
    }

    private static void talk(HtmlReport report, FaceShieldDemo demo, FaceShieldDemo.Talk talk) {
        Verdict v = talk.verdict();
        Corners box = v.box() instanceof BoxReading.Found found ? found.corners() : null;
        Selection selection =
                v.selections().getOrDefault(FaceTask.LOCATE, v.selections().get(FaceTask.COARSE));
        List<HtmlReport.Picture> pictures = new ArrayList<>();
        pictures.add(new HtmlReport.Picture(
                Png.encode(VerdictPictures.framed(talk.picture(), box)),
                box == null ? "the picture" : "the picture, and the model's box"));
        pictures.add(new HtmlReport.Picture(Png.encode(talk.seen().savp()), "its auxiliary picture"));
        pictures.addAll(VerdictPictures.importance(talk.seen().rgb(), demo.config(), selection));
        List<List<String>> answers = new ArrayList<>();
        v.answers().forEach((task, answer) -> answers.add(List.of(task.title(), answer)));
        report.subheading(String.format(
                        Locale.ROOT,
                        "%s: judged %s (%.2f)",
                        FaceShieldDemo.name(talk.attack()),
                        v.decision(),
                        v.probability()))
                .pictures(pictures)
                .table(List.of("task", "the model's answer"), answers);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
