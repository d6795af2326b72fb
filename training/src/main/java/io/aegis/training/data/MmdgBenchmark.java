package io.aegis.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The lists of MMDG-Benchmark ("Suppress and Rebalance: Towards Generalized Multi-Modal Face Anti-Spoofing", CVPR 2024):
 * {@code C-train.txt}, {@code C-val.txt}, {@code C-test.txt} and so on for WMCA (W), CeFA (C), PADISI-USC (P) and
 * CASIA-SURF (S). Training uses the train lists, thresholds the val lists of the same sets, the test the test lists.
 *
 * <p>Below the root: the lists in {@code MMDG-Benchmark/} or in the root itself; pictures of WMCA in
 * {@code WMCA-Image/R_CDIT/} or {@code WMCA/image/}, of CeFA in {@code CeFA/}, of SURF in {@code CASIA-SURF-CROP/} or
 * {@code SURF/}, of PADISI in {@code USC_MULTI_SPECTRAL/image/}, {@code PADISI/} or {@code USC/}, a folder a sample.
 */
public final class MmdgBenchmark {
    private static final String FOLDER = "MMDG-Benchmark";

    private MmdgBenchmark() {}

    /**
     * Reads the lists of some sets and finds every picture; nothing is decoded.
     *
     * @param train names or letters, in the order that gives each its head
     * @param test names or letters
     * @throws DataException for unknown names, missing lists, lines that break the rules, and missing pictures
     */
    public static Protocol open(Path root, List<String> train, List<String> test) {
        List<Benchmark> sources = train.stream().map(Benchmark::named).toList();
        List<Benchmark> targets = test.stream().map(Benchmark::named).toList();
        BenchmarkLists.requireNames(sources.stream().map(Benchmark::domain).toList(), "train on");
        BenchmarkLists.requireNames(targets.stream().map(Benchmark::domain).toList(), "test on");
        BenchmarkLists lists = new BenchmarkLists(root, FOLDER);
        Protocol protocol = new Protocol(
                sources.stream().map(Benchmark::domain).toList(),
                split(lists, sources, "train"),
                split(lists, sources, "val"),
                split(lists, targets, "test"));
        lists.throwIfMissing();
        return protocol;
    }

    private static Split split(BenchmarkLists lists, List<Benchmark> sets, String part) {
        List<Sample> samples = new ArrayList<>();
        for (Benchmark set : sets) {
            ListFile list = ListFile.read(lists.list(set.letter() + "-" + part + ".txt"), set.fields());
            samples.addAll(lists.samples(list, (_, _) -> set));
        }
        return new Split(part, samples);
    }
}
