package io.aegis.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What lies on the disk while rows are still measured. */
class TableTest {
    private static final String FIRST = "| first | 30 ms | peer 1: 60 ms | 0.50 | 20 ms |\n";
    private static final String SECOND = "| second | 3 ms | peer 1: 6 ms | 0.50 | 2 ms |\n";

    @TempDir
    Path folder;

    @Test
    void eachRowIsThereAsSoonAsItIsMeasured() throws IOException {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("rounds", 1);
        ArrayNode rows = json.putArray("rows");
        Table table = new Table(folder, "day", "# machine\n\n", json);
        assertThat(folder).as("nothing was measured").isEmptyDirectory();

        rows.addObject().put("work", "first");
        table.add(FIRST);
        rows.addObject().put("work", "second"); // has begun, and is not there yet
        assertThat(table.file()).isEqualTo(folder.resolve("day.md"));
        assertThat(table.file()).hasContent("""
                # machine

                | work | Aegis | peer | ratio | at best |
                |---|---:|---|---:|---|
                """ + FIRST);
        assertThat(written().path("rounds").asInt()).isEqualTo(1);
        assertThat(written().path("rows").findValuesAsText("work")).containsExactly("first");

        table.add(SECOND);
        assertThat(table.file()).content().endsWith("|---|\n" + FIRST + SECOND);
        assertThat(written().path("rows").findValuesAsText("work")).containsExactly("first", "second");
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .as("no half file beside")
                    .containsExactlyInAnyOrder("day.md", "day.json");
        }
    }

    private JsonNode written() throws IOException {
        return new ObjectMapper().readTree(folder.resolve("day.json").toFile());
    }
}
