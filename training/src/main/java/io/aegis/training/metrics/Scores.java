package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The scores of one set, in any order.
 *
 * @param name names the set in messages, tables and reports
 * @param split what the set may be used for
 * @param samples at least one
 */
public record Scores(String name, Split split, List<Sample> samples) {
    /**
     * Copies the samples.
     *
     * @throws IllegalArgumentException for an empty set
     */
    public Scores {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(split, "split");
        samples = List.copyOf(samples);
        if (samples.isEmpty()) {
            throw new IllegalArgumentException("the " + split + " set '" + name + "' has no samples");
        }
    }

    /**
     * A set with neither attack types nor domains.
     *
     * @param score n scores
     * @param bonaFide n labels
     * @throws IllegalArgumentException for lengths that differ, an empty set or a score that is not finite
     */
    public static Scores of(String name, Split split, double[] score, boolean[] bonaFide) {
        if (score.length != bonaFide.length) {
            throw new IllegalArgumentException(
                    "'" + name + "': " + score.length + " scores but " + bonaFide.length + " labels");
        }
        List<Sample> samples = new ArrayList<>(score.length);
        for (int i = 0; i < score.length; i++) {
            String id = name + "[" + i + "]";
            samples.add(
                    bonaFide[i]
                            ? Sample.bonaFide(id, score[i], "")
                            : Sample.attack(id, score[i], Sample.UNSPECIFIED, ""));
        }
        return new Scores(name, split, samples);
    }

    /** How many samples are bona fide. */
    public int bonaFide() {
        return (int) samples.stream().filter(Sample::bonaFide).count();
    }

    /** How many samples are attacks. */
    public int attacks() {
        return samples.size() - bonaFide();
    }

    /** The bona fide scores, in the set's order. */
    public double[] bonaFideScores() {
        return samples.stream()
                .filter(Sample::bonaFide)
                .mapToDouble(Sample::score)
                .toArray();
    }

    /** The scores of all attacks, in the set's order. */
    public double[] attackScores() {
        return samples.stream()
                .filter(s -> !s.bonaFide())
                .mapToDouble(Sample::score)
                .toArray();
    }

    /** The scores of each attack type, types in alphabetical order. */
    public Map<String, double[]> scoresByAttack() {
        Map<String, double[]> scores = new LinkedHashMap<>();
        grouped(Sample::attack).forEach((attack, group) -> {
            if (!attack.isEmpty()) {
                scores.put(attack, group.stream().mapToDouble(Sample::score).toArray());
            }
        });
        return scores;
    }

    /** One set a domain, domains in alphabetical order; a domain may hold a single class only. */
    public Map<String, Scores> byDomain() {
        Map<String, Scores> sets = new LinkedHashMap<>();
        grouped(Sample::domain)
                .forEach((domain, group) -> sets.put(domain, new Scores(name + "/" + domain, split, group)));
        return sets;
    }

    /** The set with its use stated anew, for instance a development set that is only measured. */
    public Scores as(Split other) {
        return new Scores(name, other, samples);
    }

    private Map<String, List<Sample>> grouped(Function<Sample, String> key) {
        return samples.stream().collect(Collectors.groupingBy(key, TreeMap::new, Collectors.toList()));
    }
}
