package io.aegis.kernels.cuda;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;

/**
 * From how many multiplications on a product is the toolkit's library's, by what is behind it, on one card: as {@code gpu-bench gemm
 * --choose} measured it there, or {@link Behind}'s table where nobody has.
 *
 * @param least multiplications; the largest long for never
 * @param source where the numbers are from, for people
 */
record LibraryShare(Map<Behind, Long> least, String source) {
    /** A file, or {@code none} for the table that comes with the program. */
    static final String PROPERTY = "aegis.cuda.products";

    private static final System.Logger LOG = System.getLogger(LibraryShare.class.getName());
    private static final String NEVER = "never";

    LibraryShare {
        least = Map.copyOf(least);
    }

    /** Whatever the library can compute; for measuring it. */
    static LibraryShare everything() {
        return new LibraryShare(of(b -> 0L), "asked for");
    }

    static LibraryShare table() {
        return new LibraryShare(of(Behind::least), "the program's table");
    }

    private static Map<Behind, Long> of(ToLongFunction<Behind> least) {
        Map<Behind, Long> all = new EnumMap<>(Behind.class);
        Arrays.stream(Behind.values()).forEach(b -> all.put(b, least.applyAsLong(b)));
        return all;
    }

    /** Where a card's numbers are kept. */
    static Path file(String card) {
        return UserCache.folder().resolve("products").resolve(card.replaceAll("[^A-Za-z0-9]+", "-") + ".tsv");
    }

    /** What a way to compute leaves to the library on a card; whether that is installed is not looked at, which takes time. */
    static LibraryShare of(Route route, String card) {
        return switch (route) {
            case LIBRARY -> everything();
            case BEST -> on(card);
            case PORTABLE, HOPPER, CUDNN -> table();
        };
    }

    /** What was measured on a card; the table, with a warning, where its file cannot be read. */
    static LibraryShare on(String card) {
        String given = System.getProperty(PROPERTY);
        Path file = given == null ? file(card) : Path.of(given);
        if ("none".equals(given) || given == null && !Files.exists(file)) {
            return table();
        }
        try {
            return new LibraryShare(read(Files.readAllLines(file)), file.toString());
        } catch (IOException | IllegalArgumentException e) {
            LOG.log(
                    Level.WARNING,
                    "which products are cuBLASLt's is not taken from " + file + ": "
                            + (e instanceof IOException ? e.toString() : e.getMessage()));
            return table();
        }
    }

    private static Map<Behind, Long> read(List<String> lines) {
        Map<Behind, Long> all = new EnumMap<>(Behind.class);
        for (String line : lines) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] f = line.split("\t");
            try {
                long least = f[1].equals(NEVER) ? Long.MAX_VALUE : Long.parseLong(f[1]);
                if (f.length != 2 || least < 0) {
                    throw new IllegalArgumentException();
                }
                all.put(Behind.valueOf(f[0]), least);
            } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
                throw new IllegalArgumentException(
                        "'" + line + "' is not one of " + Arrays.toString(Behind.values())
                                + ", a tab and a number of multiplications or " + NEVER,
                        e);
            }
        }
        if (all.size() < Behind.values().length) {
            throw new IllegalArgumentException(
                    "it has " + all.keySet() + ", expected all of " + Arrays.toString(Behind.values()));
        }
        return all;
    }

    /** Lines of a file. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("# what is behind a product, and from how many multiplications on it is cuBLASLt's; " + source);
        for (Behind b : Behind.values()) {
            long from = least.get(b);
            lines.add(b + "\t" + (from == Long.MAX_VALUE ? NEVER : Long.toString(from)));
        }
        return lines;
    }

    /** Whether the library is asked to compute a product; of a gate, either of its two. */
    boolean has(Behind behind, Product p) {
        return p.batches().count() == 1 && (long) p.m() * p.n() * p.k() >= least.get(behind);
    }
}
