package io.aegis.training.faceshield;

import io.aegis.training.metrics.ConfusionMatrix;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.HardEvaluation;
import io.aegis.training.metrics.Localization;
import io.aegis.training.metrics.TextTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The paper's protocol at a glance: a row a domain, the measures of each task in columns. */
public final class DomainTable {
    /** The heads of {@link #rows}. */
    public static final List<String> HEADER = List.of(
            "domain",
            "coarse ACC",
            "coarse HTER",
            "AUC",
            "fine ACC",
            "macro-F1",
            "reasoning ACC",
            "reasoning HTER",
            "AP@40",
            "AP@50",
            "mean IoU");

    private DomainTable() {}

    /** The rows; a dash where a domain has no such questions. */
    public static List<List<String>> rows(Map<String, FaceShieldEvaluation> domains) {
        List<List<String>> rows = new ArrayList<>();
        domains.forEach((domain, e) -> rows.add(List.of(
                domain.isEmpty() ? "(none)" : domain,
                cell(e.coarse(), HardEvaluation::accuracy),
                number(e.coarse().flatMap(HardEvaluation::hter)),
                cell(e.scored(), Evaluation::auc),
                cell(e.fine(), ConfusionMatrix::accuracy),
                cell(e.fine(), ConfusionMatrix::macroF1),
                cell(e.reasoning(), HardEvaluation::accuracy),
                number(e.reasoning().flatMap(HardEvaluation::hter)),
                cell(e.localization(), l -> l.ap(0.4)),
                cell(e.localization(), l -> l.ap(0.5)),
                cell(e.localization(), Localization::meanIou))));
        return rows;
    }

    /** The table for a terminal. */
    public static String text(Map<String, FaceShieldEvaluation> domains) {
        return TextTable.grid(HEADER, rows(domains));
    }

    private static <T> String cell(Optional<T> measured, Function<T, Double> value) {
        return number(measured.map(value));
    }

    private static String number(Optional<Double> value) {
        return value.map(v -> String.format(Locale.ROOT, "%.4f", v)).orElse("-");
    }
}
