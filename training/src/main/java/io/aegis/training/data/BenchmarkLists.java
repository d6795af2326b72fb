package io.aegis.training.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** The lists of one benchmark below a root, and the samples that they name; every picture is looked for. */
final class BenchmarkLists {
    private final Path root;
    private final String folder;
    private final PictureFiles pictures = new PictureFiles();
    private final Map<Benchmark, Path> folders = new HashMap<>();

    /** @param folder where the benchmark keeps its lists; they may also lie in the root itself */
    BenchmarkLists(Path root, String folder) {
        this.root = root;
        this.folder = folder;
        if (!Files.isDirectory(root)) {
            throw new DataException(root + ": " + (Files.exists(root) ? "is no folder" : "there is no such folder")
                    + "; expected the root of the data sets");
        }
    }

    /** The first of some file names that is there. */
    Path list(String... names) {
        return Stream.of(names)
                .flatMap(n -> Stream.of(root.resolve(folder).resolve(n), root.resolve(n)))
                .filter(Files::isRegularFile)
                .findFirst()
                .orElseThrow(() -> new DataException(root + ": no list " + String.join(" or ", names) + ", neither in "
                        + folder + " nor in the root"));
    }

    /** All samples of one list. */
    List<Sample> samples(ListFile list, BiFunction<ListFile, ListFile.Line, Benchmark> set) {
        List<Sample> samples = new ArrayList<>(list.lines().size());
        for (ListFile.Line line : list.lines()) {
            Benchmark benchmark = set.apply(list, line);
            Sample sample = benchmark.sample(folders.computeIfAbsent(benchmark, b -> b.folder(root)), list, line);
            String where = list.file().getFileName() + " line " + line.number();
            pictures.check(where + " rgb", sample.rgb());
            pictures.check(where + " depth", sample.depth());
            pictures.check(where + " ir", sample.infrared());
            samples.add(sample);
        }
        return samples;
    }

    /** @throws DataException that tells all missing pictures at once */
    void throwIfMissing() {
        pictures.throwIfMissing(root);
    }

    /** What both benchmarks ask of the names given. */
    static void requireNames(List<?> names, String which) {
        if (names.isEmpty()) {
            throw new DataException("no data set to " + which + "; expected at least one");
        }
        for (int i = 0; i < names.size(); i++) {
            if (names.indexOf(names.get(i)) != i) {
                throw new DataException("data set " + names.get(i) + " is there twice to " + which);
            }
        }
    }
}
