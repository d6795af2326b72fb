package io.aegis.training.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A training set divided in two, so that thresholds come from samples that the model did not learn and that are not the
 * test. Subjects are divided, not pictures: whoever is in one part is not in the other. In each domain, the same share of
 * the subjects with bona fide samples only, with attacks only and with both goes to development, at least one of each kind
 * that has two. Who goes follows a hash of seed, domain and subject; it does not depend on the order or place of the files.
 *
 * @param train what is left to learn from
 * @param development what thresholds come from
 */
public record HoldOut(Split train, Split development) {
    /**
     * @param share of the subjects that go to development, between 0 and 1
     * @throws DataException when either part would lack bona fide samples or attacks
     */
    public static HoldOut of(Split all, double share, long seed) {
        if (!(share > 0 && share < 1)) {
            throw new DataException("development share " + share + "; expected a number between 0 and 1");
        }
        Set<Subject> held = new HashSet<>();
        for (List<Subject> stratum : strata(all).values()) {
            List<Subject> drawn = stratum.stream()
                    .map(s -> new Ranked(s, Hashing.of(seed, s.domain(), s.name())))
                    .sorted(Comparator.comparingLong(Ranked::rank)
                            .thenComparing(r -> r.subject().name()))
                    .map(Ranked::subject)
                    .toList();
            int n = stratum.size();
            int count = n == 1 ? 0 : Math.clamp(Math.round(share * n), 1, n - 1);
            held.addAll(drawn.subList(0, count));
        }
        List<Sample> train = new ArrayList<>();
        List<Sample> development = new ArrayList<>();
        for (Sample s : all.samples()) {
            (held.contains(Subject.of(s)) ? development : train).add(s);
        }
        return new HoldOut(
                bothLabels(new Split("train", train), all), bothLabels(new Split("development", development), all));
    }

    private record Subject(String domain, String name) {
        static Subject of(Sample s) {
            return new Subject(s.domain(), s.subject());
        }
    }

    private record Ranked(Subject subject, long rank) {}

    /** Subjects by domain and by the labels that they have. */
    private static Map<String, List<Subject>> strata(Split all) {
        Map<Subject, Set<Label>> labels = new LinkedHashMap<>();
        for (Sample s : all.samples()) {
            labels.computeIfAbsent(Subject.of(s), _ -> new HashSet<>()).add(s.label());
        }
        Map<String, List<Subject>> strata = new TreeMap<>();
        labels.forEach((subject, has) -> strata.computeIfAbsent(
                        subject.domain() + '\0' + has.contains(Label.BONA_FIDE) + has.contains(Label.ATTACK),
                        _ -> new ArrayList<>())
                .add(subject));
        return strata;
    }

    private static Split bothLabels(Split part, Split all) {
        if (part.count(Label.BONA_FIDE) == 0 || part.count(Label.ATTACK) == 0) {
            throw new DataException(all.name() + ": divided by subject, the " + part.name() + " part has "
                    + part.count(Label.BONA_FIDE) + " bona fide samples and " + part.count(Label.ATTACK)
                    + " attacks; expected some of each, which takes at least two subjects of each");
        }
        return part;
    }
}
