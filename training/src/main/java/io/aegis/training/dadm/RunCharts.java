package io.aegis.training.dadm;

import io.aegis.training.metrics.RocCurve;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.report.Histogram;
import io.aegis.training.report.LineChart;
import io.aegis.training.report.RocChart;
import io.aegis.training.report.Series;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/** The pictures of a run, for its folder and for reports. */
public final class RunCharts {
    private static final int BINS = 40;

    private RunCharts() {}

    /** Mean losses over epochs. */
    public static LineChart losses(List<EpochLog> log) {
        return new LineChart(
                "Training losses",
                "epoch",
                "mean over samples",
                List.of(
                        series("total", log, EpochLog::loss),
                        series("RGB", log, EpochLog::rgb),
                        series("depth", log, EpochLog::depth),
                        series("infrared", log, EpochLog::infrared)),
                false);
    }

    /** What the development set says over epochs. */
    public static LineChart development(List<EpochLog> log) {
        return new LineChart(
                "Development set",
                "epoch",
                "rate",
                List.of(
                        series("AUC", log, EpochLog::auc),
                        series("HTER", log, EpochLog::hter),
                        series("EER", log, EpochLog::eer)),
                false);
    }

    /**
     * The ROC of one set with its operating point.
     *
     * @throws IllegalArgumentException for a set of one class
     */
    public static RocChart roc(Scores scores, Threshold threshold) {
        RocChart.Curve curve =
                new RocChart.Curve(scores.name(), RocCurve.of(scores), OptionalDouble.of(threshold.value()));
        return new RocChart("ROC, " + scores.name() + " set", List.of(curve), false);
    }

    /** How the scores of bona fide samples and of each type of attack are distributed. */
    public static Histogram scores(Scores scores, Threshold threshold) {
        List<Histogram.Group> groups = new ArrayList<>();
        groups.add(new Histogram.Group("bona fide", scores.bonaFideScores()));
        scores.scoresByAttack().forEach((attack, values) -> groups.add(new Histogram.Group(attack, values)));
        return new Histogram(
                "Scores, " + scores.name() + " set",
                "probability of bona fide",
                groups,
                BINS,
                OptionalDouble.of(threshold.value()));
    }

    private static Series series(String name, List<EpochLog> log, ToDoubleFunction<EpochLog> value) {
        double[] epochs = log.stream().mapToDouble(EpochLog::epoch).toArray();
        return new Series(name, epochs, log.stream().mapToDouble(value).toArray());
    }
}
