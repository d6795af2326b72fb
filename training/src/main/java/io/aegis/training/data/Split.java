package io.aegis.training.data;

import io.aegis.models.dadm.Modality;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * Samples that are used together: a training set, a development set, a test set.
 *
 * @param name for reports and messages
 * @param samples in the order of their files; the order is part of what makes a run repeatable
 */
public record Split(String name, List<Sample> samples) {
    public Split {
        samples = List.copyOf(samples);
    }

    public int size() {
        return samples.size();
    }

    /** How many are bona fide, or attacks. */
    public long count(Label label) {
        return samples.stream().filter(s -> s.label() == label).count();
    }

    /** The domains, in order of appearance. */
    public List<String> domains() {
        return samples.stream().map(Sample::domain).distinct().toList();
    }

    /**
     * The same samples as if some cameras had not been there.
     *
     * @throws DataException when a sample has no picture left
     */
    public Split without(Set<Modality> missing) {
        return new Split(name, samples.stream().map(s -> s.without(missing)).toList());
    }

    /**
     * SHA-256, in hexadecimal, of what decides a run's batches: each sample's id, label, domain, attack and present
     * modalities, in order. It is the same wherever the data lie, so a run that resumes can tell that its data changed.
     */
    public String fingerprint() {
        var sha = Hashing.sha256();
        for (Sample s : samples) {
            for (String part : List.of(s.id(), s.label().name(), s.domain(), s.attack())) {
                sha.update(part.getBytes(StandardCharsets.UTF_8));
                sha.update((byte) 0);
            }
            for (Modality m : Modality.values()) {
                sha.update((byte) (s.picture(m).isPresent() ? 1 : 0));
            }
        }
        return HexFormat.of().formatHex(sha.digest());
    }
}
