package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What DADM's published code reports (arXiv 2503.00429): AUC, HTER and accuracy at an operating point that it picks ON
 * THE VERY SET IT MEASURES. That makes HTER look better than anyone can have it in use; it is here to compare with the
 * paper's tables and for nothing else. {@link Evaluation} is the measure to go by.
 *
 * <p>The operating point is the first vertex of scikit-learn's {@code roc_curve} (which drops vertices on a straight
 * line) with the least |TPR + FPR - 1|. Accuracy counts a bona fide sample wrong when its score is at most the
 * threshold and an attack wrong when it is above, while the ROC accepts at the threshold as well, so at ties accuracy
 * and HTER disagree, as they do in the published code.
 *
 * @param name the set
 * @param threshold score at the operating point; the smallest number above every score when that point is the origin
 * @param auc area under the ROC
 * @param hter (FPR + 1 - TPR) / 2 at the operating point
 * @param accuracy share of right decisions, strictly above the threshold being bona fide
 */
public record PaperProtocol(String name, double threshold, double auc, double hter, double accuracy) {
    /** Says in tables, reports and files what these numbers are. */
    public static final String LABEL = "paper's protocol (threshold chosen on the measured set itself)";

    /**
     * Measures a set as the published code does.
     *
     * @throws IllegalArgumentException for a set of one class
     */
    public static PaperProtocol of(Scores scores) {
        RocCurve roc = RocCurve.of(scores);
        RocCurve.Point chosen = null;
        double least = Double.POSITIVE_INFINITY;
        for (RocCurve.Point p : corners(roc.points())) {
            // In doubles and in this order, because the published code breaks near-ties by their rounding.
            double distance = Math.abs(roc.tpr(p) + roc.fpr(p) - 1);
            if (distance < least) {
                least = distance;
                chosen = p;
            }
        }
        int wrong = 0;
        for (Sample s : scores.samples()) {
            wrong += s.bonaFide() == (s.score() > chosen.threshold()) ? 0 : 1;
        }
        return new PaperProtocol(
                scores.name(),
                chosen.threshold(),
                roc.auc(),
                (roc.fpr(chosen) + 1 - roc.tpr(chosen)) / 2,
                1 - (double) wrong / scores.samples().size());
    }

    /** What a person reads, a row a metric. */
    public List<List<String>> rows() {
        return List.of(
                List.of("threshold", Numbers.threshold(threshold)),
                List.of("AUC", Numbers.rate(auc)),
                List.of("HTER", Numbers.rate(hter)),
                List.of("accuracy", Numbers.rate(accuracy)));
    }

    /** The same for machines, with {@link #LABEL} under "protocol". */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("protocol", LABEL);
        map.put("name", name);
        map.put("threshold", threshold);
        map.put("auc", auc);
        map.put("hter", hter);
        map.put("accuracy", accuracy);
        return map;
    }

    @Override
    public String toString() {
        return TextTable.of(name + ", " + LABEL, rows());
    }

    /**
     * The vertices that scikit-learn keeps: the origin, the first and last score, and each where the step before and
     * the step after differ. The origin takes no part in that comparison.
     */
    private static List<RocCurve.Point> corners(List<RocCurve.Point> points) {
        List<RocCurve.Point> kept = new ArrayList<>();
        for (int i = 0; i < points.size(); i++) {
            if (i < 2 || i + 1 == points.size() || turns(points.get(i - 1), points.get(i), points.get(i + 1))) {
                kept.add(points.get(i));
            }
        }
        return kept;
    }

    private static boolean turns(RocCurve.Point a, RocCurve.Point b, RocCurve.Point c) {
        return c.acceptedBonaFide() - b.acceptedBonaFide() != b.acceptedBonaFide() - a.acceptedBonaFide()
                || c.acceptedAttacks() - b.acceptedAttacks() != b.acceptedAttacks() - a.acceptedAttacks();
    }
}
