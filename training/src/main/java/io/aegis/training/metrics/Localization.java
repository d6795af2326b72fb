package io.aegis.training.metrics;

import io.aegis.image.Corners;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How well boxes are found. An answer holds one box without a score, so AP at a threshold degenerates to the share of
 * pictures whose box overlaps the true one by at least that much; a box that is missing or broken overlaps by nothing.
 *
 * @param name the set
 * @param ious one a picture, in the set's order; at least one
 * @param missing pictures without a box in the answer, or with a broken one
 * @param repaired boxes whose corners came in another order
 */
public record Localization(String name, List<Double> ious, int missing, int repaired) {
    /** The thresholds of the paper. */
    private static final double[] LEVELS = {0.4, 0.5};

    /**
     * One answer.
     *
     * @param truth where the attack is
     * @param found where the answer says it is
     * @param repaired whether its corners came in another order
     */
    public record Answer(Corners truth, Optional<Corners> found, boolean repaired) {}

    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException for none
     */
    public Localization {
        ious = List.copyOf(ious);
        if (ious.isEmpty()) {
            throw new IllegalArgumentException("'" + name + "' has no boxes to find");
        }
    }

    /** Measures answers. */
    public static Localization of(String name, List<Answer> answers) {
        List<Double> ious =
                answers.stream().map(a -> a.found.map(a.truth::iou).orElse(0.0)).toList();
        int missing = (int) answers.stream().filter(a -> a.found.isEmpty()).count();
        return new Localization(name, ious, missing, (int)
                answers.stream().filter(Answer::repaired).count());
    }

    /** The share of pictures whose IoU is at least {@code threshold}: AP, of one unscored box a picture. */
    public double ap(double threshold) {
        return (double) ious.stream().filter(v -> v >= threshold).count() / ious.size();
    }

    public double meanIou() {
        return ious.stream().mapToDouble(v -> v).average().orElseThrow();
    }

    /** What a person reads, a row a metric. */
    public List<List<String>> rows() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("boxes", Integer.toString(ious.size())));
        for (double level : LEVELS) {
            rows.add(List.of(
                    key(level) + " (accuracy at IoU >= " + Numbers.level(level) + ")", Numbers.rate(ap(level))));
        }
        rows.add(List.of("mean IoU", Numbers.rate(meanIou())));
        rows.add(List.of("missing or broken", Integer.toString(missing)));
        rows.add(List.of("corners put in order", Integer.toString(repaired)));
        return rows;
    }

    /** The same for machines. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", name);
        map.put("boxes", ious.size());
        for (double level : LEVELS) {
            map.put(key(level).toLowerCase(java.util.Locale.ROOT).replace('@', '_'), ap(level));
        }
        map.put("mean_iou", meanIou());
        map.put("missing", missing);
        map.put("repaired", repaired);
        return map;
    }

    private static String key(double level) {
        return "AP@" + Math.round(100 * level);
    }

    @Override
    public String toString() {
        return TextTable.of(name, rows());
    }
}
