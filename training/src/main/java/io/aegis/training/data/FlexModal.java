package io.aegis.training.data;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The lists of the flexible-modal benchmark ("Flexible-Modal Face Anti-Spoofing: A Benchmark", CVPRW 2023), lines of
 * {@code rgb depth ir label}: {@code CASIA-SURF_CeFA_train.txt}, {@code ..._val.txt}, {@code ..._test.txt} and
 * {@code WMCA_test.txt}. A list may hold several sets; each line's first folder says which. The lists
 * {@code WMCA_test_print.txt} and so on, beside, hold its attacks by type and give {@link Sample#attack}.
 *
 * <p>Below the root: the lists in {@code FlexModal_Protocols/} or in the root itself, pictures as {@link MmdgBenchmark}
 * has them.
 */
public final class FlexModal {
    private static final String FOLDER = "FlexModal_Protocols";
    private static final List<String> FIELDS = Benchmark.WMCA.fields();
    private static final Pattern ONE_ATTACK = Pattern.compile(".+_test_([^_]+)\\.txt");

    private final BenchmarkLists lists;

    private FlexModal(Path root) {
        this.lists = new BenchmarkLists(root, FOLDER);
    }

    /**
     * Reads some lists and finds every picture; nothing is decoded.
     *
     * @param train names of lists without {@code _train.txt}; the development set is their {@code _val.txt}
     * @param test names of lists without {@code _test.txt}, or whole names without {@code .txt}
     * @throws DataException for missing lists, lines that break the rules, and missing pictures
     */
    public static Protocol open(Path root, List<String> train, List<String> test) {
        BenchmarkLists.requireNames(train, "train on");
        BenchmarkLists.requireNames(test, "test on");
        FlexModal benchmark = new FlexModal(root);
        Split learned = benchmark.split("train", train);
        Split development = benchmark.split("val", train);
        Split measured = benchmark.split("test", test);
        benchmark.lists.throwIfMissing();
        return new Protocol(learned.domains(), learned, development, measured);
    }

    private Split split(String part, List<String> names) {
        List<Sample> samples = new ArrayList<>();
        for (String name : names) {
            String usual = name + "_" + part + ".txt";
            Path file = part.equals("test") ? lists.list(usual, name + ".txt") : lists.list(usual);
            Map<String, String> attacks = attacks(file);
            for (Sample s : lists.samples(ListFile.read(file, FIELDS), FlexModal::set)) {
                samples.add(attacks.containsKey(s.id()) && !s.bonaFide() ? withAttack(s, attacks.get(s.id())) : s);
            }
        }
        return new Split(part, samples);
    }

    private static Benchmark set(ListFile list, ListFile.Line line) {
        String path = line.fields().getFirst();
        return Benchmark.ofListed(path)
                .orElseThrow(() -> new DataException(list.file() + ", line " + line.number() + ": '" + path
                        + "' is of no known data set; expected a path that begins with WMCA-Image/R_CDIT/, CeFA/ or"
                        + " CASIA-SURF-CROP/"));
    }

    /** Types of attack by sample id, from the list itself when it is one of a single attack, else from those beside it. */
    private Map<String, String> attacks(Path file) {
        Map<String, String> attacks = new HashMap<>();
        String stem = file.getFileName().toString().replaceFirst("\\.txt$", "");
        boolean single = ONE_ATTACK.matcher(file.getFileName().toString()).matches();
        DirectoryStream.Filter<Path> wanted =
                p -> single ? p.equals(file) : p.getFileName().toString().startsWith(stem + "_");
        try (DirectoryStream<Path> siblings = Files.newDirectoryStream(file.getParent(), wanted)) {
            for (Path sibling : siblings) {
                Matcher name = ONE_ATTACK.matcher(sibling.getFileName().toString());
                if (name.matches()) {
                    ListFile list = ListFile.read(sibling, FIELDS);
                    // Where the pictures lie does not matter for their ids.
                    list.lines()
                            .forEach(l -> attacks.put(
                                    set(list, l).sample(Path.of(""), list, l).id(), name.group(1)));
                }
            }
        } catch (IOException e) {
            throw new DataException(file.getParent() + ": cannot be read (" + e.getMessage() + ")", e);
        }
        return attacks;
    }

    private static Sample withAttack(Sample s, String attack) {
        return new Sample(
                s.id(), s.rgb(), s.depth(), s.infrared(), s.label(), s.domain(), attack, s.subject(), s.box());
    }
}
