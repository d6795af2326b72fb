package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything about one set at one threshold.
 *
 * @param name the set
 * @param split what the set is used for
 * @param threshold the decision threshold
 * @param auc area under the ROC
 * @param eer equal error rate of this set; it needs no threshold, and chooses none
 * @param apcer error rate of each attack type at the threshold
 * @param bpcer bona fide rejected at the threshold
 * @param tprAtFpr greatest TPR at FPR of at most the key ({@link RocCurve#tprAtFpr}), by descending key
 */
public record Evaluation(
        String name,
        Split split,
        Threshold threshold,
        double auc,
        double eer,
        Apcer apcer,
        Rate bpcer,
        Map<Double, Double> tprAtFpr) {
    private static final double[] LEVELS = {1e-1, 1e-2, 1e-3};

    /** Copies the map. */
    public Evaluation {
        tprAtFpr = Collections.unmodifiableMap(new LinkedHashMap<>(tprAtFpr));
    }

    /**
     * Measures a set.
     *
     * @throws IllegalArgumentException for a set of one class
     */
    public static Evaluation of(Scores scores, Threshold threshold) {
        RocCurve roc = RocCurve.of(scores);
        int rejected = 0;
        double[] live = scores.bonaFideScores();
        for (double s : live) {
            rejected += threshold.accepts(s) ? 0 : 1;
        }
        Map<Double, Double> tpr = new LinkedHashMap<>();
        for (double level : LEVELS) {
            tpr.put(level, roc.tprAtFpr(level));
        }
        return new Evaluation(
                scores.name(),
                scores.split(),
                threshold,
                roc.auc(),
                roc.equalError().rate(),
                Apcer.of(scores, threshold),
                new Rate(rejected, live.length),
                tpr);
    }

    /** Half total error rate: the mean of BPCER and the pooled attack error. */
    public double hter() {
        return (apcer.pooled().value() + bpcer.value()) / 2;
    }

    /** Average classification error rate: the mean of BPCER and the greatest APCER (ISO/IEC 30107-3). */
    public double acer() {
        return (apcer.maximum() + bpcer.value()) / 2;
    }

    /** Share of right decisions. */
    public double accuracy() {
        Rate attacks = apcer.pooled();
        return 1 - (double) (attacks.errors() + bpcer.errors()) / (attacks.total() + bpcer.total());
    }

    /** What a person reads, a row a metric: its name and its value. */
    public List<List<String>> rows() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "samples", bpcer.total() + " bona fide, " + apcer.pooled().total() + " attacks"));
        rows.add(List.of("threshold", threshold.toString()));
        rows.add(List.of("AUC", Numbers.rate(auc)));
        rows.add(List.of("EER", Numbers.rate(eer)));
        rows.add(List.of("HTER", Numbers.rate(hter())));
        rows.add(List.of("ACER", Numbers.rate(acer())));
        rows.add(List.of("BPCER", bpcer.toString()));
        rows.add(List.of("APCER, maximum", Numbers.rate(apcer.maximum()) + " (" + apcer.worstAttack() + ")"));
        apcer.byAttack().forEach((attack, rate) -> rows.add(List.of("APCER, " + attack, rate.toString())));
        tprAtFpr.forEach((fpr, tpr) -> rows.add(List.of("TPR at FPR <= " + Numbers.level(fpr), Numbers.rate(tpr))));
        rows.add(List.of("accuracy", Numbers.rate(accuracy())));
        return rows;
    }

    /** The same for machines: strings, numbers and maps of them, in a fixed order; every number is finite. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", name);
        map.put("split", split.toString());
        map.put("bona_fide", bpcer.total());
        map.put("attacks", apcer.pooled().total());
        map.put("threshold", threshold.value());
        map.put("threshold_origin", threshold.origin());
        map.put("auc", auc);
        map.put("eer", eer);
        map.put("hter", hter());
        map.put("acer", acer());
        map.put("bpcer", bpcer.value());
        map.put("apcer", apcer.maximum());
        map.put("apcer_worst_attack", apcer.worstAttack());
        Map<String, Object> attacks = new LinkedHashMap<>();
        apcer.byAttack().forEach((attack, rate) -> {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("apcer", rate.value());
            one.put("accepted", rate.errors());
            one.put("total", rate.total());
            attacks.put(attack, one);
        });
        map.put("apcer_by_attack", attacks);
        Map<String, Object> tpr = new LinkedHashMap<>();
        tprAtFpr.forEach((fpr, value) -> tpr.put(Numbers.level(fpr), value));
        map.put("tpr_at_fpr", tpr);
        map.put("accuracy", accuracy());
        return map;
    }

    /** A text table, one metric a line. */
    @Override
    public String toString() {
        return TextTable.of(name + " (" + split + ")", rows());
    }
}
