package io.aegis.training.data;

import io.aegis.image.Box;
import io.aegis.image.ImageException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A data set in one CSV file (RFC 4180, UTF-8), a row a sample. The first row names the columns, in any order:
 *
 * <table>
 * <caption>Columns</caption>
 * <tr><td>rgb, depth, ir</td><td>required; pictures, relative to the manifest's folder; an empty cell is a missing
 * modality</td></tr>
 * <tr><td>label</td><td>required; bonafide, live, real or 1, or attack, spoof, fake or 0</td></tr>
 * <tr><td>domain</td><td>data set or camera; without the column, the manifest's name</td></tr>
 * <tr><td>attack</td><td>type of attack; empty, {@code none} or {@code bonafide} for bona fide</td></tr>
 * <tr><td>box</td><td>{@code "x,y,w,h"}, {@code x;y;w;h} or {@code x y w h}, in pixels of the RGB picture</td></tr>
 * <tr><td>subject</td><td>whoever is shown; without it every row counts as its own subject</td></tr>
 * </table>
 */
public final class Manifest {
    private enum Column {
        RGB,
        DEPTH,
        IR,
        LABEL,
        DOMAIN,
        ATTACK,
        BOX,
        SUBJECT;

        static final List<Column> REQUIRED = List.of(RGB, DEPTH, IR, LABEL);
        static final List<String> NAMES =
                Stream.of(values()).map(Column::toString).toList();

        /** The column that other people call so, to suggest the right name. */
        static Optional<Column> alias(String name) {
            return switch (name.toLowerCase(Locale.ROOT)) {
                case "color", "colour", "image" -> Optional.of(RGB);
                case "infrared", "nir" -> Optional.of(IR);
                case "class" -> Optional.of(LABEL);
                case "dataset" -> Optional.of(DOMAIN);
                case "type" -> Optional.of(ATTACK);
                case "bbox" -> Optional.of(BOX);
                default -> Optional.empty();
            };
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Path file;
    private final Path folder;
    private final String name;
    private final Map<Column, Integer> columns = new EnumMap<>(Column.class);
    private final PictureFiles pictures = new PictureFiles();

    private Manifest(Path file) {
        this.file = file;
        this.folder = file.toAbsolutePath().getParent();
        this.name = file.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    }

    /**
     * Reads a manifest and finds every picture that it names; nothing is decoded.
     *
     * @return its samples in the order of the rows, named after the file
     * @throws DataException that says file, line and column, for whatever is wrong
     */
    public static Split open(Path file) {
        return new Manifest(file).read();
    }

    private Split read() {
        List<Csv.Row> rows = Csv.parse(file, TextFile.read(file));
        header(rows.getFirst());
        if (rows.size() == 1) {
            throw new DataException(file + ": has a header and no rows");
        }
        List<Sample> samples = new ArrayList<>(rows.size() - 1);
        Map<List<Object>, Csv.Row> seen = new HashMap<>();
        for (Csv.Row row : rows.subList(1, rows.size())) {
            Sample sample = sample(row);
            refuseContradiction(row, sample, seen);
            samples.add(sample);
        }
        pictures.throwIfMissing(file);
        return new Split(name, samples);
    }

    private void header(Csv.Row row) {
        for (int i = 0; i < row.cells().size(); i++) {
            String given = row.cells().get(i).text();
            int known = Column.NAMES.indexOf(given.toLowerCase(Locale.ROOT));
            if (known < 0) {
                throw new DataException(where(row.cells().get(i).line()) + ": column " + (i + 1) + " is '" + given
                        + "'; expected columns are " + String.join(", ", Column.NAMES) + suggestion(given));
            }
            if (columns.put(Column.values()[known], i) != null) {
                throw new DataException(where(row.line()) + ": column " + given + " is there twice");
            }
        }
        List<String> absent = Column.REQUIRED.stream()
                .filter(c -> !columns.containsKey(c))
                .map(Column::toString)
                .toList();
        if (!absent.isEmpty()) {
            throw new DataException(where(row.line()) + ": no column " + String.join(", ", absent)
                    + "; the columns are "
                    + String.join(
                            ", ",
                            columns.keySet().stream().map(Column::toString).toList())
                    + ", required are rgb, depth, ir and label");
        }
    }

    private static String suggestion(String given) {
        if (given.indexOf(';') >= 0 || given.indexOf('\t') >= 0) {
            return "; columns are separated by commas here";
        }
        return Column.alias(given)
                .map(c -> "; did you mean '" + c + "'?")
                .orElseGet(() -> Suggestion.of(given, Column.NAMES));
    }

    private Sample sample(Csv.Row row) {
        int width = columns.size();
        if (row.cells().size() != width) {
            throw new DataException(where(row.line()) + ": " + row.cells().size() + " cells; the header has " + width
                    + (row.cells().size() > width ? "; a cell with commas, such as a box, is quoted" : ""));
        }
        Label label = at(row, Column.LABEL, this::label);
        String id = Stream.of(Column.RGB, Column.DEPTH, Column.IR)
                .map(c -> text(row, c))
                .filter(t -> !t.isEmpty())
                .findFirst()
                .orElseThrow(() -> new DataException(
                        where(row.line()) + ": rgb, depth and ir are all empty; expected at least one picture"));
        String domain = text(row, Column.DOMAIN);
        if (domain.isEmpty() && columns.containsKey(Column.DOMAIN)) {
            throw new DataException(
                    where(row, Column.DOMAIN) + ": is empty; expected the name of a data set or camera");
        }
        String subject = text(row, Column.SUBJECT);
        return new Sample(
                id,
                at(row, Column.RGB, t -> picture(row, Column.RGB, t)),
                at(row, Column.DEPTH, t -> picture(row, Column.DEPTH, t)),
                at(row, Column.IR, t -> picture(row, Column.IR, t)),
                label,
                domain.isEmpty() ? name : domain,
                at(row, Column.ATTACK, t -> attack(t, label)),
                subject.isEmpty() ? id : subject,
                at(row, Column.BOX, Manifest::box));
    }

    private static Box box(String text) {
        try {
            Box box = text.isEmpty() ? null : Box.parse(text);
            if (box != null && (box.x() < 0 || box.y() < 0)) {
                throw new DataException("box " + box + ": x and y must be at least 0");
            }
            return box;
        } catch (ImageException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    private Label label(String text) {
        return Label.parse(text)
                .orElseThrow(() -> new DataException("'" + text + "' is no label; expected " + Label.EXPECTED
                        + Suggestion.of(text, List.of("bonafide", "live", "real", "attack", "spoof", "fake"))));
    }

    private static String attack(String text, Label label) {
        boolean none = text.isEmpty()
                || text.equalsIgnoreCase("none")
                || Label.parse(text).filter(l -> l == Label.BONA_FIDE).isPresent();
        if (label == Label.BONA_FIDE && !none) {
            throw new DataException("'" + text + "' with a bona fide label; expected an empty cell or none");
        }
        if (label == Label.ATTACK && none && !text.isEmpty()) {
            throw new DataException("'" + text + "' with an attack label; expected a type of attack or an empty cell");
        }
        return label == Label.BONA_FIDE ? "" : text.isEmpty() ? Sample.UNKNOWN : text;
    }

    private Path picture(Csv.Row row, Column column, String text) {
        if (text.isEmpty()) {
            return null;
        }
        try {
            Path picture = folder.resolve(text);
            pictures.check("line " + line(row, column) + " " + column, picture);
            return picture;
        } catch (InvalidPathException e) {
            throw new DataException("'" + text.replace('\0', '?') + "' cannot be the name of a file", e);
        }
    }

    /** The same pictures with two labels cannot both be right. Rows that merely repeat are allowed: they weigh more. */
    private void refuseContradiction(Csv.Row row, Sample sample, Map<List<Object>, Csv.Row> seen) {
        List<Object> key = List.of(
                Objects.toString(sample.rgb()),
                Objects.toString(sample.depth()),
                Objects.toString(sample.infrared()),
                Objects.toString(sample.box()));
        Csv.Row earlier = seen.putIfAbsent(key, row);
        if (earlier != null && label(text(earlier, Column.LABEL)) != sample.label()) {
            throw new DataException(where(row, Column.LABEL) + ": '" + text(row, Column.LABEL)
                    + "' contradicts line " + earlier.line() + ", where the same pictures have label '"
                    + text(earlier, Column.LABEL) + "'");
        }
    }

    /** Reads one cell; what is wrong with it is told with its place. */
    private <T> T at(Csv.Row row, Column column, Function<String, T> read) {
        try {
            return read.apply(text(row, column));
        } catch (DataException e) {
            throw new DataException(where(row, column) + ": " + e.getMessage(), e);
        }
    }

    private String text(Csv.Row row, Column column) {
        Integer i = columns.get(column);
        return i == null ? "" : row.cells().get(i).text();
    }

    private int line(Csv.Row row, Column column) {
        return row.cells().get(columns.get(column)).line();
    }

    private String where(Csv.Row row, Column column) {
        return where(line(row, column)) + ", column " + column;
    }

    private String where(int line) {
        return file + ", line " + line;
    }
}
