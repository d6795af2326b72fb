package io.aegis.bench.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.weights.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;

/** The table and its JSON, both written anew after each row: they take hours to make, and whatever ends them leaves what there is. */
final class Table {
    private static final String COLUMNS = "| work | Aegis | peer | ratio | at best |\n|---|---:|---|---:|---|\n";

    private final Path text;
    private final Path figures;
    private final ObjectNode json;
    private final StringBuilder lines;

    /**
     * Nothing is written yet.
     *
     * @param folder that exists
     * @param name of the files, without what follows the dot
     * @param head what stands above the table
     * @param json with rows that others add to it
     */
    Table(Path folder, String name, String head, ObjectNode json) {
        text = folder.resolve(name + ".md");
        figures = folder.resolve(name + ".json");
        this.json = json;
        lines = new StringBuilder(head).append(COLUMNS);
    }

    Path file() {
        return text;
    }

    /** A row, whose figures are in the JSON already. */
    void add(String row) throws IOException {
        AtomicFile.write(text, lines.append(row).toString());
        AtomicFile.write(
                figures, new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
    }
}
