package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardedWriterTest {
    private static final List<TensorInfo> TENSORS = List.of(
            new TensorInfo("b", StoredType.F16, new long[] {2, 2}),
            new TensorInfo("a", StoredType.F16, new long[] {4}),
            new TensorInfo("c", StoredType.F32, new long[] {5}),
            new TensorInfo("d", StoredType.U8, new long[] {3}));

    @TempDir
    Path folder;

    /** Each byte is the tensor's name, handed over in two pieces. */
    private static void bytes(TensorInfo tensor, IoConsumer<MemorySegment> sink) throws java.io.IOException {
        byte[] all = tensor.name().repeat((int) tensor.bytes()).getBytes();
        MemorySegment memory = MemorySegment.ofArray(all);
        sink.accept(memory.asSlice(0, 2));
        sink.accept(memory.asSlice(2));
    }

    @Test
    void shardsAreFilledInOrderAndSortedInside() {
        Map<String, List<TensorInfo>> shards = ShardedWriter.shards(TENSORS, 20);
        assertThat(shards.keySet())
                .containsExactly(
                        "model-00001-of-00003.safetensors",
                        "model-00002-of-00003.safetensors",
                        "model-00003-of-00003.safetensors");
        assertThat(shards.values().stream()
                        .map(s -> s.stream().map(TensorInfo::name).toList()))
                .containsExactly(List.of("a", "b"), List.of("c"), List.of("d"));
    }

    @Test
    void whatIsWrittenIsReadBack() throws Exception {
        ShardedWriter.write(folder, Map.of("format", "pt"), TENSORS, 20, ShardedWriterTest::bytes);
        assertThat(folder.resolve("model.safetensors.index.json")).hasContent("""
                        {
                          "metadata": {
                            "total_size": 39
                          },
                          "weight_map": {
                            "a": "model-00001-of-00003.safetensors",
                            "b": "model-00001-of-00003.safetensors",
                            "c": "model-00002-of-00003.safetensors",
                            "d": "model-00003-of-00003.safetensors"
                          }
                        }
                        """);
        try (Checkpoint c = Checkpoint.open(folder)) {
            for (TensorInfo tensor : TENSORS) {
                assertThat(c.info(tensor.name())).isEqualTo(tensor);
                assertThat(c.bytes(tensor.name()).toArray(ValueLayout.JAVA_BYTE))
                        .containsOnly(tensor.name().charAt(0));
            }
        }
    }

    @Test
    void oneFileNeedsNoIndex() {
        ShardedWriter.write(folder, Map.of(), TENSORS, ShardedWriter.PUBLISHED, ShardedWriterTest::bytes);
        assertThat(folder.toFile().list()).containsExactly("model.safetensors");
        try (Checkpoint c = Checkpoint.open(folder)) {
            assertThat(c.names()).containsExactly("c", "a", "b", "d");
        }
    }

    /** A source that gives too little must not become a file. */
    @Test
    void theNumberOfBytesIsChecked() throws Exception {
        Path file = folder.resolve("model.safetensors");
        Files.writeString(file, "old");
        assertThatThrownBy(() -> SafetensorsWriter.write(
                        file, Map.of(), TENSORS, (tensor, sink) -> sink.accept(MemorySegment.ofArray(new byte[8]))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("tensor c F32[5] needs 20 bytes, given 8");
        assertThat(file).hasContent("old");
        assertThat(folder.toFile().list()).containsExactly("model.safetensors");
    }
}
