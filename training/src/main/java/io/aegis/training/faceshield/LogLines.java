package io.aegis.training.faceshield;

import java.util.List;
import java.util.stream.Stream;

/** Reads logs: a header, and lines of an update's number and other numbers. */
final class LogLines {
    private LogLines() {}

    interface Row<T> {
        T of(long update, double[] others);
    }

    /** @throws IllegalArgumentException for another header, or a line that does not fit it */
    static <T> List<T> parse(String csv, String header, Row<T> row) {
        List<String> lines = csv.lines().toList();
        if (lines.isEmpty() || !lines.getFirst().equals(header)) {
            throw new IllegalArgumentException("not a log of " + header);
        }
        int width = header.split(",").length;
        return lines.stream()
                .skip(1)
                .map(line -> {
                    String[] cells = line.split(",", -1);
                    if (cells.length != width) {
                        throw new IllegalArgumentException("a line of the log has " + cells.length + " cells");
                    }
                    return row.of(
                            Long.parseLong(cells[0]),
                            Stream.of(cells)
                                    .skip(1)
                                    .mapToDouble(Double::parseDouble)
                                    .toArray());
                })
                .toList();
    }
}
