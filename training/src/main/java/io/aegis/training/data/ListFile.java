package io.aegis.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A list of the published benchmarks, a line a sample: either {@code rgb depth ir label} separated by blanks, or
 * {@code name.npz<tab>label}. Label 1 is bona fide, 0 an attack; there are no others.
 *
 * @param file for messages
 * @param lines those that are not blank
 */
record ListFile(Path file, List<Line> lines) {
    /**
     * @param number from 1
     * @param fields without the label
     */
    record Line(int number, List<String> fields, Label label) {}

    /** @param fields what a line holds, its label last, as messages name it */
    static ListFile read(Path file, List<String> fields) {
        List<Line> lines = new ArrayList<>();
        String[] text = TextFile.read(file).split("\r?\n|\r", -1);
        for (int i = 0; i < text.length; i++) {
            if (!text[i].isBlank()) {
                lines.add(line(file, i + 1, text[i], fields));
            }
        }
        return new ListFile(file, List.copyOf(lines));
    }

    private static Line line(Path file, int number, String text, List<String> fields) {
        List<String> words = List.of(text.strip().split("[ \t]+"));
        if (words.size() != fields.size()) {
            throw new DataException(file + ", line " + number + ": " + words.size() + " fields; expected "
                    + fields.size() + ": " + String.join(" ", fields));
        }
        Optional<Label> label = words.getLast().matches("[01]") ? Label.parse(words.getLast()) : Optional.empty();
        return new Line(
                number,
                words.subList(0, words.size() - 1),
                label.orElseThrow(() -> new DataException(file + ", line " + number + ": label '" + words.getLast()
                        + "'; expected 1 for bona fide or 0 for an attack")));
    }
}
