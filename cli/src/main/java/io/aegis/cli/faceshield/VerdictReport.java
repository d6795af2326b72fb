package io.aegis.cli.faceshield;

import io.aegis.image.Corners;
import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FacePictures;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.PvtmOptions;
import io.aegis.models.faceshield.Reply;
import io.aegis.models.faceshield.Selection;
import io.aegis.models.faceshield.Timings;
import io.aegis.models.faceshield.Verdict;
import io.aegis.models.vit.VitConfig;
import io.aegis.training.report.HtmlReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The page about one face. */
public final class VerdictReport {
    private VerdictReport() {}

    /**
     * The page.
     *
     * @param picture as it was given
     * @param asked questions besides those of the tasks
     */
    public static HtmlReport of(
            String title,
            FaceShield shield,
            Image picture,
            Examination examination,
            Verdict verdict,
            List<Reply> asked) {
        FacePictures seen = examination.pictures();
        VitConfig tower = shield.config().vision();
        Corners box = verdict.box() instanceof BoxReading.Found found ? found.corners() : null;
        String question = shield.config().options().prompts().question(FaceTask.COARSE);
        Selection selection =
                verdict.selections().values().stream().findFirst().orElseGet(() -> examination.select(question));
        HtmlReport report = new HtmlReport(title)
                .figures(figures(shield, verdict))
                .pictures(List.of(
                        new HtmlReport.Picture(
                                Png.encode(VerdictPictures.framed(picture, box)),
                                box == null ? "the picture" : "the picture, and where the attack is"),
                        new HtmlReport.Picture(Png.encode(seen.rgb()), "as the tower sees it"),
                        new HtmlReport.Picture(
                                Png.encode(seen.savp()), "its auxiliary picture: patterns, gray, gradients")))
                .heading("What the model says")
                .table(List.of("question", "answer"), answers(shield, verdict, asked));
        if (verdict.box() instanceof BoxReading.Rejected rejected) {
            report.note("The answer's box cannot be used: " + rejected.reason() + ".");
        }
        return report.heading("Which parts of the picture the question is about")
                .paragraph(
                        "How near each vision token is to the question, of the picture and of its auxiliary picture, on"
                                + " one scale; and the tokens that rank highest. " + masking(shield))
                .pictures(VerdictPictures.importance(seen.rgb(), tower, selection))
                .pictures(VerdictPictures.kept(seen.rgb(), tower, highest(selection), "the tokens that rank highest"))
                .heading("Time")
                .table(List.of("what", "seconds", "tokens"), times(verdict.timings()));
    }

    private static Selection highest(Selection s) {
        return new Selection(s.streams(), s.cosine(), s.importance(), s.top(), s.top());
    }

    private static Map<String, String> figures(FaceShield shield, Verdict v) {
        Map<String, String> out = new LinkedHashMap<>();
        out.put("decision", v.decision());
        out.put("probability of bona fide", String.format(Locale.ROOT, "%.4f", v.probability()));
        out.put("score", String.format(Locale.ROOT, "%.3f", v.score()));
        shield.threshold()
                .map(DecisionThreshold::value)
                .ifPresent(t -> out.put("threshold", String.format(Locale.ROOT, "%.3f", t)));
        v.attackType().map(AttackType::title).ifPresent(t -> out.put("attack type", t));
        return out;
    }

    private static List<List<String>> answers(FaceShield shield, Verdict v, List<Reply> asked) {
        List<List<String>> rows = new ArrayList<>();
        v.answers()
                .forEach((task, answer) ->
                        rows.add(List.of(shield.config().options().prompts().question(task), answer)));
        asked.forEach(reply -> rows.add(List.of(reply.question(), reply.text())));
        return rows;
    }

    private static String masking(FaceShield shield) {
        PvtmOptions pvtm = shield.config().options().pvtm();
        return pvtm.inference() == MaskingMode.OFF
                ? "This model answers from all tokens, and masks some in training only."
                : "This model answers from the tokens that are kept ("
                        + pvtm.inference().name().toLowerCase(Locale.ROOT).replace('_', ' ') + ", "
                        + pvtm.keepPercent() + " % rank highest).";
    }

    private static List<List<String>> times(Timings t) {
        return List.of(
                row("pictures through the tower and the projector", t.vision(), ""),
                row("prompts read", t.prefill(), Long.toString(t.prefilled())),
                row("answers made", t.decode(), Long.toString(t.decoded())));
    }

    private static List<String> row(String what, double seconds, String tokens) {
        return List.of(what, String.format(Locale.ROOT, "%.2f", seconds), tokens);
    }
}
