package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that other programs wrote. */
class GoldenFilesTest {
    @TempDir
    Path folder;

    private static Path golden() {
        String at = System.getProperty("aegis.golden");
        Assumptions.assumeTrue(at != null && Files.isDirectory(Path.of(at)), "there is no reference data beside");
        return Path.of(at);
    }

    private static List<Path> all(String ending) throws Exception {
        try (Stream<Path> files = Files.walk(golden())) {
            return files.filter(f -> f.toString().endsWith(ending)).sorted().toList();
        }
    }

    @Test
    void everySafetensorsFileIsReadAndWrittenBackByteForByte() throws Exception {
        Path copy = folder.resolve("copy");
        Path rebuilt = folder.resolve("rebuilt");
        for (Path file : all(".safetensors")) {
            try (Safetensors st = Safetensors.open(file)) {
                Finite.check(st);
                SafetensorsWriter.write(copy, st);
                SafetensorsWriter.write(
                        rebuilt,
                        st.metadata(),
                        st.names().stream()
                                .map(n -> new StoredTensor(st.info(n), st.bytes(n)))
                                .toList());
            }
            assertThat(Files.mismatch(file, copy)).as("copy of %s", file).isEqualTo(-1);
            assertThat(Files.mismatch(file, rebuilt)).as("rebuilt %s", file).isEqualTo(-1);
        }
    }

    @Test
    void everyShardedCheckpointIsRead() throws Exception {
        for (Path index : all(".safetensors.index.json")) {
            try (Checkpoint c = Checkpoint.open(index.getParent())) {
                long total =
                        c.names().stream().mapToLong(n -> c.info(n).bytes()).sum();
                assertThat(c.metadata()).containsEntry("total_size", Long.toString(total));
            }
        }
    }

    @Test
    void everyConfigIsRead() throws Exception {
        for (Path file : all("config.json")) {
            assertThat(ConfigJson.read(file).keys()).as("keys of %s", file).isNotEmpty();
        }
    }
}
