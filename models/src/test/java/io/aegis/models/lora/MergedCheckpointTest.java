package io.aegis.models.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.llama.TinyLlama;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergedCheckpointTest {
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    Path folder;

    private Path base;
    private Path adapter;

    /** Two shards of F16 in an order of their own, with files beside. */
    @BeforeEach
    void write() throws IOException {
        base = Files.createDirectory(folder.resolve("base"));
        adapter = folder.resolve("adapter");
        try (TinyLlama llama = TinyLlama.frozen();
                Parameters p = new Parameters();
                Arena arena = Arena.ofShared()) {
            List<List<StoredTensor>> shards = List.of(new ArrayList<>(), new ArrayList<>());
            StringBuilder map = new StringBuilder();
            for (Parameter q : llama.parameters.all()) {
                View half = View.allocate(arena, DType.F16, q.shape());
                Backends.best().elementwise().copy(q.view(), half);
                String name = q.name().equals("lm_head.weight") ? q.name() : "model." + q.name();
                int shard = q.name().contains("layers.1") ? 1 : 0;
                shards.get(shard).addFirst(StoredTensor.of(name, half, arena));
                map.append(map.isEmpty() ? "" : ",").append("\"" + name + "\": \"" + file(shard) + "\"");
            }
            for (int i = 0; i < 2; i++) {
                SafetensorsWriter.write(base.resolve(file(i)), Map.of("format", "pt"), shards.get(i));
            }
            Files.writeString(base.resolve(INDEX), "{\"metadata\": {}, \"weight_map\": {" + map + "}}");
            Files.writeString(base.resolve("config.json"), "{}");
            Files.writeString(base.resolve("tokenizer.model"), "words");
            Files.writeString(base.resolve("training_args.bin"), "pickle");
            Adapter.fresh(llama.network, LoraConfig.of(2, 4, 0), p);
            TinyLlama.fill(p, DType.F32, 11);
            AdapterWriter.write(
                    adapter,
                    LoraConfig.of(2, 4, 0),
                    p.all(),
                    Map.of(),
                    // As an adapter of the same model inside LLaVA would be named.
                    n -> n.replaceFirst("^llm\\.", "language_model.model."),
                    DType.F32);
        }
    }

    private static String file(int shard) {
        return "model-0000" + (shard + 1) + "-of-00002.safetensors";
    }

    private void merge(Path out) {
        try (Adapter opened = Adapter.open(adapter);
                MergedCheckpoint merged = MergedCheckpoint.of(base, opened)) {
            assertThat(merged.count()).isEqualTo(14);
            long[] told = {0};
            merged.write(out, bytes -> told[0] = bytes);
            assertThat(told[0]).isEqualTo(merged.bytes());
        }
    }

    @Test
    void theFolderIsTheSameButForTheSums() throws IOException {
        Path out = folder.resolve("out");
        merge(out);
        try (Stream<Path> files = Files.list(out)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("config.json", "tokenizer.model", INDEX, file(0), file(1));
        }
        assertThat(out.resolve(INDEX)).hasSameBinaryContentAs(base.resolve(INDEX));
        try (Adapter opened = Adapter.open(adapter);
                Arena arena = Arena.ofShared()) {
            for (int i = 0; i < 2; i++) {
                try (Safetensors before = Safetensors.open(base.resolve(file(i)));
                        Safetensors after = Safetensors.open(out.resolve(file(i)))) {
                    assertThat(after.names()).isEqualTo(before.names());
                    assertThat(after.metadata()).isEqualTo(before.metadata());
                    before.names().forEach(n -> compare(n, before, after, opened, arena));
                }
            }
        }
    }

    private static void compare(String name, Checkpoint before, Checkpoint after, Adapter adapter, Arena arena) {
        assertThat(after.info(name)).isEqualTo(before.info(name));
        String module = name.replaceFirst("^model\\.", "language_model.model.").replaceFirst("\\.weight$", "");
        Adapter.Pair pair = adapter.pairs().get(module);
        View expected = Views.of(before, name);
        if (pair != null) {
            View sum = View.allocate(arena, expected.dtype(), expected.shape());
            LoraMerge.merge(expected, pair, 2, sum);
            assertThat(sum.toDoubles()).isNotEqualTo(expected.toDoubles());
            expected = sum;
        }
        assertThat(Views.of(after, name).toDoubles()).as(name).isEqualTo(expected.toDoubles());
    }

    @Test
    void nothingThatExistsIsTouched() throws IOException {
        Path out = Files.createDirectory(folder.resolve("out"));
        Files.writeString(out.resolve("mine"), "mine");
        assertThatThrownBy(() -> merge(out))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("not empty");
        assertThatThrownBy(() -> merge(base))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("not empty");
        assertThat(out.resolve("mine")).hasContent("mine");
    }

    @Test
    void aSumThatExceedsItsTypeIsRefusedAndNothingIsLeft() throws IOException {
        try (TinyLlama llama = TinyLlama.frozen();
                Parameters p = new Parameters()) {
            Adapter.fresh(llama.network, LoraConfig.of(2, 400000, 0), p);
            TinyLlama.fill(p, DType.F32, 11);
            AdapterWriter.write(
                    adapter,
                    LoraConfig.of(2, 400000, 0),
                    p.all(),
                    Map.of(),
                    n -> n.replaceFirst("^llm\\.", "model."),
                    DType.F32);
        }
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> merge(out))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("merged into F16")
                .hasMessageContaining("Infinity");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.map(f -> f.getFileName().toString())).containsExactlyInAnyOrder("base", "adapter");
        }
    }

    @Test
    void anAdapterForAnotherBaseIsRefused() throws IOException {
        LoraConfig config = new LoraConfig(
                Optional.empty(),
                2,
                4,
                0,
                TargetModules.LLAMA,
                false,
                Map.of(),
                Map.of(),
                Set.of(),
                List.of("mm_projector"));
        try (TinyLlama llama = TinyLlama.frozen();
                Parameters p = new Parameters();
                Arena arena = Arena.ofShared()) {
            Adapter.fresh(llama.network, config, p);
            p.initialize(DType.F32, 0);
            AdapterWriter.write(
                    adapter,
                    config,
                    p.all(),
                    Map.of("proj.0.bias", View.allocate(arena, DType.F32, 4)),
                    n -> n.equals("proj.0.bias")
                            ? "model.mm_projector.0.bias"
                            : n.replaceFirst("^llm\\.layers\\.1", "model.layers.7")
                                    .replaceFirst("^llm\\.", "model."),
                    DType.F32);
        }
        try (Adapter opened = Adapter.open(adapter)) {
            assertThatThrownBy(() -> MergedCheckpoint.of(base, opened))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining("another base")
                    .hasMessageContaining("there is no model.layers.7.mlp.down_proj.weight")
                    .hasMessageContaining("there is no model.mm_projector.0.bias");
        }
    }

    /** What FaceShield has and a published base has not, and a threshold that is that of the new weights. */
    @Test
    void newTensorsAndTheThresholdComeAlong() throws IOException {
        LoraConfig config = new LoraConfig(
                Optional.empty(), 2, 4, 0, TargetModules.LLAMA, false, Map.of(), Map.of(), Set.of(), List.of("pvtm"));
        DecisionThreshold threshold = new DecisionThreshold(0.25, "chosen by the test");
        try (TinyLlama llama = TinyLlama.frozen();
                Parameters p = new Parameters();
                Arena arena = Arena.ofShared()) {
            Adapter.fresh(llama.network, config, p);
            p.initialize(DType.F32, 0);
            View learned = View.allocate(arena, DType.F32, 3, 2);
            learned.set(5, 1, 1);
            AdapterWriter.write(
                    adapter,
                    config,
                    p.all(),
                    Map.of("pvtm.text.weight", learned),
                    n -> n.startsWith("pvtm") ? "model." + n : n.replaceFirst("^llm\\.", "model."),
                    DType.F32,
                    threshold.metadata());
        }
        String index = Files.readString(base.resolve(INDEX))
                .replace("{\"metadata\": {}", "{\"metadata\": {\"total_size\": 1000, \"threshold\": \"0.9\"}");
        Files.writeString(base.resolve(INDEX), index);
        Path out = folder.resolve("out");
        try (Adapter opened = Adapter.open(adapter);
                MergedCheckpoint merged = MergedCheckpoint.of(base, opened)) {
            assertThat(merged.count()).isEqualTo(15);
            merged.write(out, bytes -> {});
        }
        try (Checkpoint merged = Checkpoint.open(out)) {
            assertThat(DecisionThreshold.of(merged)).contains(threshold);
            assertThat(merged.metadata()).containsEntry("total_size", "1024");
            assertThat(Views.of(merged, "model.pvtm.text.weight").toDoubles()).containsExactly(0, 0, 0, 5, 0, 0);
        }
    }
}
