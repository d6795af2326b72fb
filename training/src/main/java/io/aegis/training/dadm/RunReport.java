package io.aegis.training.dadm;

import com.fasterxml.jackson.databind.JsonNode;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.MemoryReport;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Scores;
import io.aegis.training.report.HtmlReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The page about one run: what it reached, how it got there, what it was asked for. */
final class RunReport {
    private RunReport() {}

    static HtmlReport of(
            DadmTrainingOptions options,
            List<EpochLog> log,
            EpochLog best,
            Scores scores,
            Evaluation on,
            MemoryPlan plan) {
        Map<String, String> figures = new LinkedHashMap<>();
        figures.put("best epoch", best.epoch() + " of " + log.size());
        figures.put("AUC", number(on.auc()));
        figures.put("HTER", number(on.hter()));
        figures.put("threshold", number(on.threshold().value()));
        List<List<String>> asked = new ArrayList<>();
        for (Map.Entry<String, JsonNode> option : OptionsJson.write(options).properties()) {
            asked.add(List.of(option.getKey(), option.getValue().asText()));
        }
        return new HtmlReport("DADM training run")
                .figures(figures)
                .note("All numbers are of the development set, which chose the threshold and the epoch. A test set that"
                        + " took no part in either is what a model is to be judged by.")
                .heading("Training")
                .charts(List.of(RunCharts.losses(log), RunCharts.development(log)))
                .heading("Development set")
                .charts(List.of(RunCharts.roc(scores, on.threshold()), RunCharts.scores(scores, on.threshold())))
                .table(List.of("metric", "value"), on.rows())
                .heading("Memory")
                .terminal(String.join("\n", plan.lines()))
                .paragraph("What was counted, which is no more the same from run to run than seconds are, is in "
                        + MemoryReport.FILE + ".")
                .heading("Options")
                .table(List.of("option", "value"), asked);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
