package io.aegis.training.metrics;

import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Attack presentation classification error rate at one threshold, for each attack type (ISO/IEC 30107-3): the share of
 * its presentations that are accepted as bona fide.
 *
 * @param byAttack the rate of each type, in alphabetical order, at least one
 */
public record Apcer(SortedMap<String, Rate> byAttack) {
    /** Copies the rates. */
    public Apcer {
        byAttack = Collections.unmodifiableSortedMap(new TreeMap<>(byAttack));
        if (byAttack.isEmpty()) {
            throw new IllegalArgumentException("APCER needs at least one attack");
        }
    }

    /**
     * The rates of a set at a threshold.
     *
     * @throws IllegalArgumentException for a set without attacks
     */
    public static Apcer of(Scores scores, Threshold threshold) {
        if (scores.attacks() == 0) {
            throw new IllegalArgumentException("the " + scores.split() + " set '" + scores.name()
                    + "' has no attack samples; APCER needs at least one");
        }
        SortedMap<String, Rate> rates = new TreeMap<>();
        scores.scoresByAttack().forEach((attack, score) -> {
            int accepted = 0;
            for (double s : score) {
                accepted += threshold.accepts(s) ? 1 : 0;
            }
            rates.put(attack, new Rate(accepted, score.length));
        });
        return new Apcer(rates);
    }

    /** The type with the greatest rate; of several the first by name. */
    public String worstAttack() {
        String worst = byAttack.firstKey();
        for (Map.Entry<String, Rate> e : byAttack.entrySet()) {
            if (e.getValue().value() > byAttack.get(worst).value()) {
                worst = e.getKey();
            }
        }
        return worst;
    }

    /** The greatest rate over the types, which is what ISO/IEC 30107-3 reports. */
    public double maximum() {
        return byAttack.get(worstAttack()).value();
    }

    /** All types in one pot: the false positive rate of the ROC. */
    public Rate pooled() {
        int accepted = byAttack.values().stream().mapToInt(Rate::errors).sum();
        return new Rate(
                accepted, byAttack.values().stream().mapToInt(Rate::total).sum());
    }
}
