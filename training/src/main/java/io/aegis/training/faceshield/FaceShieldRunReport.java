package io.aegis.training.faceshield;

import com.fasterxml.jackson.databind.JsonNode;
import io.aegis.training.dadm.RunCharts;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.MemoryReport;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.report.HtmlReport;
import io.aegis.training.report.LineChart;
import io.aegis.training.report.Series;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** The page about one run, and its pictures as files: what it reached, how it got there, what it was asked for. */
final class FaceShieldRunReport {
    private FaceShieldRunReport() {}

    static void write(
            FaceShieldRun run,
            FaceShieldTrainingOptions options,
            RunState state,
            DevelopmentLog best,
            Problems problems,
            MemoryPlan plan) {
        LineChart losses = losses(state);
        losses.write(run.folder().file("curves.svg"));
        Map<String, String> figures = new LinkedHashMap<>();
        figures.put("best after", best.update() + " of " + state.updates() + " updates");
        figures.put("development loss", number(best.loss()));
        HtmlReport report = new HtmlReport("FaceShield training run, stage " + options.stage());
        Optional<Scores> scores = best.hasThreshold() ? run.scores() : Optional.empty();
        if (scores.isPresent()) {
            figures.put("AUC", number(best.auc()));
            figures.put("threshold", number(best.threshold()));
        }
        report.figures(figures)
                .note("All numbers are of the development set, which chose the threshold and the state. A test set that"
                        + " took no part in either is what a model is to be judged by.")
                .heading("Training")
                .charts(List.of(losses, rates(state)));
        scores.ifPresent(s -> {
            Threshold at = new Threshold(best.threshold(), "equal error rate on this set");
            RunCharts.roc(s, at).write(run.folder().file("roc.svg"));
            RunCharts.scores(s, at).write(run.folder().file("scores.svg"));
            report.heading("Development set: faces scored by the two canonical answers")
                    .charts(List.of(RunCharts.roc(s, at), RunCharts.scores(s, at)))
                    .table(List.of("metric", "value"), Evaluation.of(s, at).rows());
        });
        if (!problems.isEmpty()) {
            report.heading("Left out").table(List.of("what is wrong", "sample"), problems.rows());
        }
        report.heading("Memory")
                .terminal(String.join("\n", plan.lines()))
                .paragraph("What was counted, which is no more the same from run to run than seconds are, is in "
                        + MemoryReport.FILE + ".");
        report.heading("Options").table(List.of("option", "value"), asked(options));
        report.write(run.folder().file("report.html"));
    }

    private static List<List<String>> asked(FaceShieldTrainingOptions options) {
        List<List<String>> asked = new ArrayList<>();
        for (Map.Entry<String, JsonNode> option : options.json().properties()) {
            asked.add(List.of(option.getKey(), option.getValue().asText()));
        }
        return asked;
    }

    private static LineChart losses(RunState state) {
        return new LineChart(
                "Loss",
                "update",
                "mean over answer tokens",
                List.of(
                        series("training", state.log(), UpdateLog::update, UpdateLog::loss),
                        series("development", state.development(), DevelopmentLog::update, DevelopmentLog::loss)),
                true);
    }

    private static LineChart rates(RunState state) {
        return new LineChart(
                "Development set",
                "update",
                "rate",
                List.of(
                        series("AUC", state.development(), DevelopmentLog::update, DevelopmentLog::auc),
                        series("accuracy", state.development(), DevelopmentLog::update, DevelopmentLog::accuracy),
                        series("EER", state.development(), DevelopmentLog::update, DevelopmentLog::eer)),
                false);
    }

    private static <T> Series series(String name, List<T> log, ToDoubleFunction<T> x, ToDoubleFunction<T> y) {
        return new Series(
                name,
                log.stream().mapToDouble(x).toArray(),
                log.stream().mapToDouble(y).toArray());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
