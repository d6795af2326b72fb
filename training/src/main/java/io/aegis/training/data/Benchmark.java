package io.aegis.training.data;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The four data sets of the benchmarks: what their lists hold and where the pictures are. A line's first field names the
 * colour picture; depth and infrared lie in sibling folders of the same file name. Each set's pictures lie either where the
 * lists say or in the folder that the published code uses.
 */
enum Benchmark {
    WMCA("W", "color", "WMCA-Image/R_CDIT/", List.of("WMCA-Image/R_CDIT", "WMCA/image"), List.of()) {
        @Override
        String subject(Path rgb) {
            return ancestor(rgb, 2).replaceFirst("_.*", "");
        }
    },
    CEFA("C", "profile", "CeFA/", List.of("CeFA"), List.of()) {
        @Override
        String subject(Path rgb) {
            return rgb.getNameCount() < 4 ? rgb.toString() : slashes(rgb.subpath(0, rgb.getNameCount() - 3));
        }

        @Override
        String attack(Path rgb) {
            return rgb.getNameCount() > 2 && rgb.getName(0).toString().equals("CeFA-Mask")
                    ? rgb.getName(1).toString()
                    : Sample.UNKNOWN;
        }
    },
    SURF("S", "color", "CASIA-SURF-CROP/", List.of("CASIA-SURF-CROP", "SURF"), List.of("CASIA-SURF")) {
        @Override
        String subject(Path rgb) {
            return ancestor(rgb, 3);
        }

        @Override
        String attack(Path rgb) {
            return ancestor(rgb, 2).replaceFirst("\\.rssdk$", "");
        }
    },
    PADISI("P", "", "", List.of("USC_MULTI_SPECTRAL/image", "PADISI", "USC"), List.of("USC", "PADISI-USC")) {
        @Override
        String subject(Path rgb) {
            return ancestor(rgb, 1);
        }
    };

    private static final List<String> PICTURES = List.of("rgb", "depth", "ir", "label");
    private static final List<String> ARCHIVE = List.of("name.npz", "label");

    private final String letter;
    private final String colour;
    private final String prefix;
    private final List<String> folders;
    private final List<String> otherNames;

    Benchmark(String letter, String colour, String prefix, List<String> folders, List<String> otherNames) {
        this.letter = letter;
        this.colour = colour;
        this.prefix = prefix;
        this.folders = folders;
        this.otherNames = otherNames;
    }

    /** Whoever is shown, as far as the path tells. */
    abstract String subject(Path rgb);

    /** The type of attack, as far as the path tells. */
    String attack(Path rgb) {
        return Sample.UNKNOWN;
    }

    /** Its name as a domain. */
    String domain() {
        return this == CEFA ? "CeFA" : name();
    }

    /** The letter that its lists begin with. */
    String letter() {
        return letter;
    }

    /** What a line of its lists holds. */
    List<String> fields() {
        return this == PADISI ? ARCHIVE : PICTURES;
    }

    /**
     * @param name such as CeFA or C, in any case
     * @throws DataException for another name
     */
    static Benchmark named(String name) {
        return Arrays.stream(values())
                .filter(b -> Stream.concat(Stream.of(b.name(), b.letter), b.otherNames.stream())
                        .anyMatch(name.strip()::equalsIgnoreCase))
                .findFirst()
                .orElseThrow(() -> {
                    List<String> names =
                            Arrays.stream(values()).map(Benchmark::domain).toList();
                    return new DataException("data set '" + name + "'; expected one of " + String.join(", ", names)
                            + Suggestion.of(name, names));
                });
    }

    /** The set that a list's path belongs to, by its first folder. */
    static Optional<Benchmark> ofListed(String path) {
        return Arrays.stream(values())
                .filter(b -> !b.prefix.isEmpty() && path.startsWith(b.prefix))
                .findFirst();
    }

    /**
     * The folder of its pictures.
     *
     * @throws DataException when none of those possible is there
     */
    Path folder(Path root) {
        return folders.stream()
                .map(root::resolve)
                .filter(Files::isDirectory)
                .findFirst()
                .orElseThrow(() -> new DataException(root + ": no pictures of " + domain() + "; expected "
                        + (folders.size() == 1 ? "the folder " : "one of the folders ") + String.join(", ", folders)));
    }

    /** One line of a list as a sample. */
    Sample sample(Path folder, ListFile list, ListFile.Line line) {
        String where = list.file() + ", line " + line.number();
        String first = line.fields().getFirst();
        String listed = first.startsWith(prefix) ? first.substring(prefix.length()) : first;
        try {
            Path rgb = this == PADISI
                    ? Path.of(listed.replaceFirst("\\.npz.*", ""), "color.jpg")
                    : colourPicture(Path.of(listed), where);
            String file = this == PADISI ? ".jpg" : "/" + rgb.getFileName();
            Path video = this == PADISI ? rgb.getParent() : parent(rgb.getParent());
            Path depth = video.resolve("depth" + file);
            Path infrared = video.resolve("ir" + file);
            if (this != PADISI) {
                agree(line.fields().get(1), depth, "depth", where);
                agree(line.fields().get(2), infrared, "ir", where);
            }
            boolean live = line.label() == Label.BONA_FIDE;
            return new Sample(
                    domain() + "/" + slashes(rgb),
                    folder.resolve(rgb),
                    folder.resolve(depth),
                    folder.resolve(infrared),
                    line.label(),
                    domain(),
                    live ? "" : attack(rgb),
                    domain() + "/" + subject(rgb),
                    null);
        } catch (InvalidPathException e) {
            throw new DataException(where + ": '" + first.replace('\0', '?') + "' cannot be the name of a file", e);
        }
    }

    /** Without the folder in its place, the rule would take the colour picture for depth and infrared as well. */
    private Path colourPicture(Path path, String where) {
        if (path.getNameCount() < 2 || !ancestor(path, 1).equals(colour)) {
            throw new DataException(where + ": '" + path + "' lies in no folder '" + colour + "', as the pictures of "
                    + domain() + " do");
        }
        return path;
    }

    private void agree(String listed, Path ruled, String column, String where) {
        String expected = slashes(ruled);
        if (!listed.equals(expected) && !listed.equals(prefix + expected)) {
            throw new DataException(where + ": " + column + " is '" + listed + "'; expected '" + prefix + expected
                    + "', beside the colour picture");
        }
    }

    private static Path parent(Path folder) {
        return folder.getParent() == null ? Path.of("") : folder.getParent();
    }

    /** The name of the folder some levels above the file, or the file's own when there are not so many. */
    private static String ancestor(Path file, int levels) {
        return file.getName(Math.max(0, file.getNameCount() - 1 - levels)).toString();
    }

    private static String slashes(Path path) {
        return Stream.iterate(0, i -> i + 1)
                .limit(path.getNameCount())
                .map(i -> path.getName(i).toString())
                .collect(Collectors.joining("/"));
    }
}
