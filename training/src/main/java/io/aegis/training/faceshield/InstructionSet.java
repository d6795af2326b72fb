package io.aegis.training.faceshield;

import io.aegis.training.data.DataException;
import io.aegis.training.data.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Questions that are used together.
 *
 * @param name for reports and messages
 * @param samples in the order of their file
 */
public record InstructionSet(String name, List<Instruction> samples) {
    public InstructionSet {
        samples = List.copyOf(samples);
    }

    public int size() {
        return samples.size();
    }

    /** Those that a test passes. */
    public InstructionSet where(Predicate<Instruction> test) {
        return new InstructionSet(name, samples.stream().filter(test).toList());
    }

    /**
     * SHA-256, in hexadecimal, of all that is learned: number, picture's name, question and answer of each sample, in
     * order. It is the same wherever the data lie, so a run that resumes can tell that its data changed.
     */
    public String fingerprint() {
        var sha = Hashing.sha256();
        for (Instruction s : samples) {
            for (String part : List.of(Long.toString(s.number()), s.image(), s.question(), s.answer())) {
                sha.update(part.getBytes(StandardCharsets.UTF_8));
                sha.update((byte) 0);
            }
        }
        return HexFormat.of().formatHex(sha.digest());
    }

    /**
     * A set divided in two.
     *
     * @param train what is left to learn from
     * @param development what the best state and the threshold come from
     */
    public record HeldOut(InstructionSet train, InstructionSet development) {}

    /**
     * Holds out a share of the pictures with all of their questions, the same share of each type of attack in each domain,
     * at least one of each that has two. Which ones follows a hash of the seed and the picture's name.
     *
     * @param share between 0 and 1
     * @throws DataException when nothing can be held out
     */
    public HeldOut heldOut(double share, long seed) {
        if (!(share > 0 && share < 1)) {
            throw new DataException("development share " + share + "; expected a number between 0 and 1");
        }
        Set<String> held = new HashSet<>();
        for (Set<String> stratum : strata().values()) {
            int n = stratum.size();
            int count = n == 1 ? 0 : Math.clamp(Math.round(share * n), 1, n - 1);
            stratum.stream()
                    .sorted(Comparator.comparingLong((String i) -> Hashing.of(seed, i))
                            .thenComparing(Comparator.naturalOrder()))
                    .limit(count)
                    .forEach(held::add);
        }
        InstructionSet train = new InstructionSet("train", where(s -> !held.contains(s.image())).samples);
        InstructionSet development = new InstructionSet("development", where(s -> held.contains(s.image())).samples);
        if (train.size() == 0 || development.size() == 0) {
            throw new DataException(
                    name + ": " + size() + " samples cannot be divided into a training and a development"
                            + " set; expected at least two pictures of one kind");
        }
        return new HeldOut(train, development);
    }

    /** Pictures by domain and type of attack, as far as the file says. */
    private Map<String, Set<String>> strata() {
        Map<String, String> kinds = new LinkedHashMap<>();
        for (Instruction s : samples) {
            Truth t = s.truth();
            kinds.putIfAbsent(s.image(), t.domain() + '\0' + t.bonaFide() + '\0' + t.attack());
        }
        Map<String, Set<String>> strata = new TreeMap<>();
        kinds.forEach((image, kind) ->
                strata.computeIfAbsent(kind, _ -> new LinkedHashSet<>()).add(image));
        return strata;
    }

    /** The pictures, each once, in order of appearance. */
    public List<Instruction> firstOfEachPicture() {
        Map<String, Instruction> first = new LinkedHashMap<>();
        samples.forEach(s -> first.putIfAbsent(s.image(), s));
        return new ArrayList<>(first.values());
    }
}
