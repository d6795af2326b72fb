package io.aegis.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Comma-separated values (RFC 4180): cells in double quotes may hold commas, line breaks and doubled quotes. Beyond the RFC,
 * lines may end in LF alone, blank lines are skipped, and blanks around a cell are not part of it unless quoted.
 */
final class Csv {
    /**
     * @param line where the cell begins, from 1
     * @param text without its quotes
     */
    record Cell(int line, String text) {}

    /** The cells of one row, at least one. */
    record Row(List<Cell> cells) {
        int line() {
            return cells.getFirst().line();
        }
    }

    private final Path file;
    private final String text;
    private int at;
    private int line = 1;

    private Csv(Path file, String text) {
        this.file = file;
        this.text = text;
    }

    /** @param file for messages */
    static List<Row> parse(Path file, String text) {
        return new Csv(file, text).rows();
    }

    private List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        while (at < text.length()) {
            List<Cell> cells = new ArrayList<>();
            boolean quoted = false;
            do {
                skipBlanks();
                boolean quote = at < text.length() && text.charAt(at) == '"';
                quoted |= quote;
                cells.add(quote ? quoted() : plain());
            } while (comma());
            endOfLine();
            boolean blank =
                    cells.size() == 1 && !quoted && cells.getFirst().text().isEmpty();
            if (!blank) {
                rows.add(new Row(cells));
            }
        }
        return rows;
    }

    private Cell plain() {
        int start = at;
        while (at < text.length() && ",\r\n".indexOf(text.charAt(at)) < 0) {
            if (text.charAt(at) == '"') {
                throw new DataException(file + ", line " + line + ": a quote inside the cell '"
                        + text.substring(start, at).strip()
                        + "...'; a cell with quotes is quoted as a whole, each of its own quotes doubled");
            }
            at++;
        }
        return new Cell(line, text.substring(start, at).strip());
    }

    private Cell quoted() {
        int first = line;
        StringBuilder cell = new StringBuilder();
        at++;
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') {
                if (at == text.length() || text.charAt(at) != '"') {
                    skipBlanks();
                    if (at < text.length() && ",\r\n".indexOf(text.charAt(at)) < 0) {
                        throw new DataException(
                                file + ", line " + line + ": '" + text.charAt(at) + "' after the closing quote of '"
                                        + cell + "'; expected a comma or the end of the line");
                    }
                    return new Cell(first, cell.toString());
                }
                at++;
            }
            line += c == '\n' ? 1 : 0;
            cell.append(c);
        }
        throw new DataException(file + ", line " + first + ": a quote opens here and is never closed");
    }

    private boolean comma() {
        boolean comma = at < text.length() && text.charAt(at) == ',';
        at += comma ? 1 : 0;
        return comma;
    }

    private void skipBlanks() {
        while (at < text.length() && " \t".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private void endOfLine() {
        if (at < text.length() && text.charAt(at) == '\r') {
            at++;
        }
        if (at < text.length() && text.charAt(at) == '\n') {
            at++;
        }
        line++;
    }
}
