package io.aegis.training.metrics;

import java.util.List;

/** Two columns of text under a title, the first padded. */
final class TextTable {
    private TextTable() {}

    static String of(String title, List<List<String>> rows) {
        int width = rows.stream().mapToInt(r -> r.getFirst().length()).max().orElse(0);
        StringBuilder text = new StringBuilder(title);
        for (List<String> row : rows) {
            text.append("\n  ")
                    .append(row.get(0))
                    .append(" ".repeat(width - row.get(0).length() + 2));
            text.append(row.get(1));
        }
        return text.toString();
    }
}
