package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.List;

/** Tables for a terminal. */
public final class TextTable {
    private TextTable() {}

    /** Two columns under a title. */
    public static String of(String title, List<List<String>> rows) {
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

    /** Columns under their heads: the first set left, the others right. */
    public static String grid(List<String> header, List<List<String>> rows) {
        List<List<String>> all = new ArrayList<>(List.of(header));
        all.addAll(rows);
        StringBuilder text = new StringBuilder();
        for (List<String> row : all) {
            text.append(text.isEmpty() ? "  " : "\n  ");
            for (int c = 0; c < row.size(); c++) {
                int column = c;
                int width =
                        all.stream().mapToInt(r -> r.get(column).length()).max().orElse(0);
                String blanks = " ".repeat(width - row.get(c).length());
                text.append(c == 0 ? row.get(c) + blanks : "  " + blanks + row.get(c));
            }
        }
        return text.toString();
    }
}
