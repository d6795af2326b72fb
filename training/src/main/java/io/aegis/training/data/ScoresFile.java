package io.aegis.training.data;

import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.weights.AtomicFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Scores in a CSV file: {@code id,score,label,attack,domain}, in their order. */
public final class ScoresFile {
    private static final String HEADER = "id,score,label,attack,domain";

    private ScoresFile() {}

    /** Replaces a file; every number reads back as it was. */
    public static void write(Path file, Scores scores) {
        StringBuilder csv = new StringBuilder(HEADER).append('\n');
        for (Sample s : scores.samples()) {
            csv.append(quoted(s.id())).append(',').append(s.score()).append(',');
            csv.append(s.bonaFide() ? "bonafide" : "attack").append(',');
            csv.append(quoted(s.attack()))
                    .append(',')
                    .append(quoted(s.domain()))
                    .append('\n');
        }
        AtomicFile.write(file, csv.toString());
    }

    private static String quoted(String cell) {
        return cell.matches("[^,\"\\r\\n]*") ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws DataException for anything else
     */
    public static Scores read(Path file, String name, Split use) {
        List<Csv.Row> rows = Csv.parse(file, TextFile.read(file));
        List<Sample> samples = new ArrayList<>();
        for (Csv.Row row : rows.subList(1, rows.size())) {
            List<String> cells = row.cells().stream().map(Csv.Cell::text).toList();
            if (cells.size() != HEADER.split(",").length) {
                throw new DataException(file + ", line " + row.line() + ": expected " + HEADER);
            }
            try {
                double score = Double.parseDouble(cells.get(1));
                samples.add(
                        new Sample(cells.get(0), score, cells.get(2).equals("bonafide"), cells.get(3), cells.get(4)));
            } catch (IllegalArgumentException e) {
                throw new DataException(file + ", line " + row.line() + ": " + e.getMessage(), e);
            }
        }
        return new Scores(name, use, samples);
    }
}
