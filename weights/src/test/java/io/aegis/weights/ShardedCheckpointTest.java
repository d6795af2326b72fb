package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ShardedCheckpointTest {
    @TempDir
    Path folder;

    @BeforeEach
    void writeShards() {
        shard("one.safetensors", "a", "b");
        shard("two.safetensors", "c");
    }

    private void shard(String file, String... names) {
        List<StoredTensor> tensors = Arrays.stream(names)
                .map(n -> SafetensorsRoundTripTest.filled(n, StoredType.U8, n.charAt(0), 3))
                .toList();
        SafetensorsWriter.write(folder.resolve(file), Map.of("of", file), tensors);
    }

    private Path index(String map) {
        Path file = folder.resolve("model.safetensors.index.json");
        AtomicFile.write(file, map);
        return file;
    }

    private static String weightMap(String... namesAndFiles) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < namesAndFiles.length; i += 2) {
            out.append(i == 0 ? "" : ",").append('"').append(namesAndFiles[i]).append("\":");
            out.append(namesAndFiles[i + 1]);
        }
        return "{\"metadata\":{\"total_size\":9},\"weight_map\":{" + out + "}}";
    }

    private static final String ONE = "\"one.safetensors\"";
    private static final String TWO = "\"two.safetensors\"";

    @Test
    void readsAllShardsAsOne() {
        index(weightMap("c", TWO, "a", ONE, "b", ONE));
        MemorySegment bytes;
        try (Checkpoint c = Checkpoint.open(folder)) {
            assertThat(c.names()).containsExactly("c", "a", "b");
            assertThat(c.info("b")).hasToString("b U8[3]");
            assertThat(c.bytes("c").get(ValueLayout.JAVA_BYTE, 2)).isEqualTo((byte) 'c');
            assertThat(c.bytes("a").isMapped()).isTrue();
            assertThat(c.metadata()).containsExactly(Map.entry("total_size", "9"));
            assertThat(c.has("d")).isFalse();
            assertThatThrownBy(() -> c.info("d")).hasMessage(c.path() + ": there is no tensor d");
            bytes = c.bytes("a");
        }
        assertThatThrownBy(() -> bytes.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }

    static Stream<Arguments> brokenIndexes() {
        return Stream.of(
                arguments("", "the file is empty"),
                arguments("[]", "expected a JSON object"),
                arguments("{}", "there is no weight_map"),
                arguments("{\"weight_map\":[]}", "there is no weight_map"),
                arguments("{\"weight_map\":{}", "not valid JSON"),
                arguments("{\"weight_map\":{}} {}", "not valid JSON"),
                arguments(weightMap("a", ONE, "a", ONE, "b", ONE, "c", TWO), "Duplicate field 'a'"),
                arguments(weightMap("a", ONE, "b", ONE, "c", ONE), "tensor c should be in one.safetensors, but is not"),
                arguments(weightMap("a", ONE, "b", TWO, "c", TWO), "tensor b should be in two.safetensors, but is not"),
                arguments(weightMap("a", ONE, "c", TWO), "tensor b is in one.safetensors, but not in the weight_map"),
                arguments(weightMap("a", ONE, "b", "3"), "tensor b is mapped to 3, expected the name of a file"),
                arguments(weightMap("a", ONE, "b", "\"\""), "is mapped to \"\""),
                arguments(weightMap("a", ONE, "b", "\"..\""), "is mapped to \"..\""),
                arguments(weightMap("a", ONE, "b", "\"/etc/passwd\""), "is mapped to \"/etc/passwd\""),
                arguments(weightMap("a", ONE, "b", "\"../x\""), "is mapped to \"../x\""),
                arguments(weightMap("a", ONE, "b", "\"d\\\\x\""), "is mapped to"),
                arguments(weightMap("a", ONE, "b", "\"x\\u0000\""), "is mapped to"),
                arguments(weightMap("a", ONE, "b", "\"\\n/x\""), "is mapped to"));
    }

    @ParameterizedTest
    @MethodSource("brokenIndexes")
    void refusesABrokenIndex(String text, String complaint) {
        Path file = index(text);
        assertThatThrownBy(() -> Checkpoint.open(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(complaint)
                .hasMessageNotContaining("\n");
    }

    @Test
    void namesAMissingOrBrokenShard() throws Exception {
        index(weightMap("a", ONE, "b", ONE, "c", "\"three.safetensors\""));
        assertThatThrownBy(() -> Checkpoint.open(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessage(folder.resolve("three.safetensors") + ": there is no such file");
        Files.write(folder.resolve("three.safetensors"), new byte[3]);
        assertThatThrownBy(() -> Checkpoint.open(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("three.safetensors: has 3 bytes");
    }

    @Test
    void refusesATensorInTwoShards() {
        shard("two.safetensors", "c", "b");
        Path file = index(weightMap("a", ONE, "b", ONE, "c", TWO));
        assertThatThrownBy(() -> Checkpoint.open(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessage(file + ": tensor b is in both two.safetensors and one.safetensors");
    }

    @Test
    void shardsMayBePyTorchArchives() throws Exception {
        byte[] pickle = new PickleForge()
                .op('}')
                .text("w")
                .tensor("ByteStorage", "0", 2, 0, new long[] {2}, new long[] {1})
                .op('s')
                .end();
        Files.write(
                folder.resolve("pytorch_model-1.bin"),
                Forge.zip(Map.of("x/data.pkl", pickle, "x/data/0", new byte[] {4, 5}), false));
        Files.writeString(
                folder.resolve("pytorch_model.bin.index.json"), "{\"weight_map\":{\"w\":\"pytorch_model-1.bin\"}}");
        try (Checkpoint c = Checkpoint.open(folder)) {
            assertThat(Views.of(c, "w").toDoubles()).containsExactly(4, 5);
        }
    }

    @Test
    void aFolderIsReadForWhatItHolds() throws Exception {
        assertThatThrownBy(() -> Checkpoint.open(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder + ": the folder holds no weights, expected one of ");
        Files.move(folder.resolve("two.safetensors"), folder.resolve("model.safetensors"));
        try (Checkpoint c = Checkpoint.open(folder)) {
            assertThat(c).isInstanceOf(Safetensors.class);
            assertThat(c.names()).containsExactly("c");
        }
        // By content, not by name.
        Files.copy(folder.resolve("model.safetensors"), folder.resolve("odd.pt"));
        try (Checkpoint c = Checkpoint.open(folder.resolve("odd.pt"))) {
            assertThat(c).isInstanceOf(Safetensors.class);
        }
    }
}
