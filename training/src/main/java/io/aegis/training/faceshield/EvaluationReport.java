package io.aegis.training.faceshield;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.training.dadm.RunCharts;
import io.aegis.training.data.ScoresFile;
import io.aegis.training.report.HtmlReport;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The folder about an evaluation: a page for people, scores and answers for whoever wants to look closer. */
public final class EvaluationReport {
    /** Answers on the page, from the beginning of the set. */
    private static final int SHOWN = 60;

    private static final List<String> METRICS = List.of("metric", "value");

    private EvaluationReport() {}

    /**
     * Writes {@code report.html}, {@code answers.jsonl} and, where pictures were scored, {@code scores.csv}, {@code roc.svg}
     * and {@code scores.svg}; each is replaced as a whole.
     *
     * @throws WeightsException when one cannot be written
     */
    public static void write(Path folder, FaceShieldEvaluator.Outcome outcome, Problems problems) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new WeightsException(folder + ": the folder cannot be made: " + e, e);
        }
        StringBuilder lines = new StringBuilder();
        outcome.answers().forEach(a -> lines.append(json(a)).append('\n'));
        AtomicFile.write(folder.resolve("answers.jsonl"), lines.toString());
        outcome.scores().ifPresent(s -> {
            ScoresFile.write(folder.resolve("scores.csv"), s);
            RunCharts.roc(s, outcome.threshold()).write(folder.resolve("roc.svg"));
            RunCharts.scores(s, outcome.threshold()).write(folder.resolve("scores.svg"));
        });
        page(outcome, problems).write(folder.resolve("report.html"));
    }

    private static ObjectNode json(Answered a) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("id", a.source().id()).put("image", a.source().image());
        json.put("task", a.task().title()).put("question", a.source().question());
        return json.put("answer", a.text()).put("reference", a.source().answer());
    }

    private static HtmlReport page(FaceShieldEvaluator.Outcome outcome, Problems problems) {
        FaceShieldEvaluation all = outcome.overall();
        HtmlReport report = new HtmlReport("FaceShield on " + all.name()).figures(figures(all));
        if (outcome.domains().size() > 1) {
            report.heading("Domains").table(DomainTable.HEADER, DomainTable.rows(outcome.domains()));
        }
        all.coarse()
                .ifPresent(e -> report.heading("Real or spoof, by the answers").table(METRICS, e.rows()));
        all.scored().ifPresent(e -> report.heading("Real or spoof, by the two canonical answers' likelihood")
                .note("The threshold is " + outcome.threshold() + ".")
                .charts(outcome.scores()
                        .map(s -> List.of(
                                RunCharts.roc(s, outcome.threshold()), RunCharts.scores(s, outcome.threshold())))
                        .orElseThrow())
                .table(METRICS, e.rows()));
        all.fine()
                .ifPresent(e ->
                        report.heading("Which attack").table(METRICS, e.rows()).table(e.header(), e.table()));
        all.reasoning().ifPresent(e -> report.heading("Real or spoof, by the reasons' conclusion")
                .table(METRICS, e.rows()));
        all.localization().ifPresent(e -> report.heading("Where").table(METRICS, e.rows()));
        report.heading("Answers").table(List.of("picture", "task", "answer", "reference"), answers(outcome.answers()));
        if (!problems.isEmpty()) {
            report.heading("Left out").table(List.of("what is wrong", "sample"), problems.rows());
        }
        return report;
    }

    private static Map<String, String> figures(FaceShieldEvaluation e) {
        Map<String, String> figures = new LinkedHashMap<>();
        e.coarse().ifPresent(c -> figures.put("coarse ACC", number(c.accuracy())));
        e.coarse().flatMap(c -> c.hter()).ifPresent(v -> figures.put("coarse HTER", number(v)));
        e.scored().ifPresent(s -> figures.put("AUC", number(s.auc())));
        e.fine().ifPresent(f -> figures.put("fine ACC", number(f.accuracy())));
        e.reasoning().ifPresent(r -> figures.put("reasoning ACC", number(r.accuracy())));
        e.localization().ifPresent(l -> figures.put("AP@50", number(l.ap(0.5))));
        return figures;
    }

    private static List<List<String>> answers(List<Answered> answers) {
        List<List<String>> rows = new ArrayList<>();
        for (Answered a : answers.subList(0, Math.min(SHOWN, answers.size()))) {
            String more = a.box() instanceof BoxReading.Rejected r ? " (" + r.reason() + ")" : "";
            rows.add(List.of(
                    a.source().image(),
                    a.task().title(),
                    a.text() + more,
                    a.source().answer()));
        }
        return rows;
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
