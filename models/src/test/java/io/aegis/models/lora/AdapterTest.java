package io.aegis.models.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.TinyLlama;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Safetensors;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdapterTest {
    @TempDir
    Path folder;

    private static String inBase(String canonical) {
        return canonical
                .replaceFirst("^llm\\.", "language_model.model.")
                .replaceFirst("^proj\\.0", "multi_modal_projector.linear_1");
    }

    private static double[] hidden(LlamaNetwork network) {
        try (Scope scope = Scope.open()) {
            Tensor x = network.embed(Tensor.of(new long[] {1, 5, 9, 2}, 1, 4));
            return network.hidden(x, LlamaNetwork.positions(0, 4), AttentionMask.causal(), null, Probe.NONE)
                    .toDoubles();
        }
    }

    private double[] write(LoraConfig config) {
        try (TinyLlama llama = TinyLlama.frozen();
                Parameters p = new Parameters()) {
            Adapter.fresh(llama.network, config, p);
            TinyLlama.fill(p, DType.F32, 3);
            AdapterWriter.write(folder, config, p.all(), Map.of(), AdapterTest::inBase, DType.F32);
            return hidden(llama.network);
        }
    }

    @Test
    void whatWasWrittenComesBack() {
        LoraConfig config = new LoraConfig(
                Optional.of("../base"),
                3,
                6,
                0.05,
                new TargetModules.Named(List.of("q_proj", "down_proj")),
                true,
                Map.of("layers\\.1\\..*down_proj", 2),
                Map.of("q_proj", 9.5),
                Set.of(0, 1),
                List.of());
        double[] expected = write(config);
        try (Safetensors file = Safetensors.open(folder.resolve(Adapter.WEIGHTS))) {
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"));
            assertThat(file.names())
                    .hasSize(8)
                    .isSorted()
                    .contains("base_model.model.language_model.model.layers.1.mlp.down_proj.lora_B.weight");
        }
        try (Adapter adapter = Adapter.open(folder);
                TinyLlama llama = TinyLlama.frozen()) {
            assertThat(adapter.config()).isEqualTo(config);
            assertThat(adapter.config().scale("language_model.model.layers.0.self_attn.q_proj"))
                    .isEqualTo(9.5 / Math.sqrt(3));
            assertThat(adapter.config().rank("model.layers.1.mlp.down_proj")).isEqualTo(2);
            double[] base = hidden(llama.network);
            try (Parameters own = adapter.into(llama.network, DType.F32)) {
                assertThat(own.all()).hasSize(8);
                assertThat(hidden(llama.network)).isEqualTo(expected).isNotEqualTo(base);
            }
        }
    }

    @Test
    void mergedIsAsGoodAsBeside() {
        LoraConfig config = LoraConfig.of(2, 8, 0);
        double[] expected = write(config);
        try (Adapter adapter = Adapter.open(folder);
                TinyLlama llama = TinyLlama.frozen()) {
            adapter.pairs().forEach((module, pair) -> {
                View weight = llama.parameters
                        .get(Adapter.inLlama(module).orElseThrow() + ".weight")
                        .view();
                LoraMerge.merge(weight, pair, adapter.config().scale(module), weight);
            });
            assertThat(hidden(llama.network)).containsExactly(expected, within(1e-3));
        }
    }

    @Test
    void aMergeIsRoundedOnceToTheWeightsOwnType() {
        try (Arena arena = Arena.ofShared()) {
            View a = values(arena, DType.F32, new double[] {1, -2, 0.5}, 1, 3);
            View b = values(arena, DType.F32, new double[] {3, 0.001}, 2, 1);
            for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
                View w = values(arena, dtype, new double[] {1, 2, 3, 1, 1, 1}, 2, 3);
                View merged = View.allocate(arena, dtype, 2, 3);
                LoraMerge.merge(w, new Adapter.Pair(a, b), 2, merged);
                View expected = values(
                        arena,
                        dtype,
                        new double[] {7, -10, 6, 1 + 2 * (double) 0.001f, 1 - 4 * (double) 0.001f, 1 + (double) 0.001f},
                        2,
                        3);
                assertThat(merged.toDoubles()).isEqualTo(expected.toDoubles());
            }
            View other = values(arena, DType.F32, new double[4], 2, 2);
            assertThatThrownBy(() -> LoraMerge.merge(other, new Adapter.Pair(a, b), 2, other))
                    .hasMessageContaining("does not fit a weight of F32[2, 2]");
        }
    }

    private static View values(Arena arena, DType dtype, double[] values, long... shape) {
        View v = View.allocate(arena, dtype, shape);
        for (int i = 0; i < values.length; i++) {
            v.setAt(i, values[i]);
        }
        return v;
    }

    @Test
    void anAdapterForAnotherBaseIsRefusedByNamesAndShapes() {
        write(LoraConfig.of(2, 8, 0));
        var c = TinyLlama.CONFIG;
        var wider = new io.aegis.models.llama.LlamaConfig(
                40, 24, 48, 1, 6, 3, 4, c.eps(), c.theta(), c.scaling(), false, 64);
        try (Adapter adapter = Adapter.open(folder);
                TinyLlama other = new TinyLlama(wider, DType.F32, true)) {
            double[] before = hidden(other.network);
            assertThatThrownBy(() -> adapter.into(other.network, DType.F32))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining("unknown tensor layers.1.self_attn.q_proj.lora_A.weight")
                    .hasMessageContaining(
                            "tensor layers.0.mlp.gate_proj.lora_B.weight has shape [36, 2], expected [48, 2]")
                    .hasMessageContaining("another base");
            assertThat(hidden(other.network)).isEqualTo(before);
        }
    }

    @Test
    void wholeModulesBesideAreKeptWhenTheConfigSaysSo() {
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
                List.of("multi_modal_projector"));
        try (TinyLlama llama = TinyLlama.frozen();
                Parameters p = new Parameters();
                Arena arena = Arena.ofShared()) {
            Adapter.fresh(llama.network, config, p);
            p.initialize(DType.F32, 1);
            View projector = values(arena, DType.F32, new double[] {1, 2, 3, 4}, 2, 2);
            AdapterWriter.write(
                    folder, config, p.all(), Map.of("proj.0.weight", projector), AdapterTest::inBase, DType.BF16);
        }
        try (Adapter adapter = Adapter.open(folder)) {
            assertThat(adapter.others()).containsOnlyKeys("multi_modal_projector.linear_1.weight");
            assertThat(adapter.others()
                            .get("multi_modal_projector.linear_1.weight")
                            .toDoubles())
                    .containsExactly(1, 2, 3, 4);
        }
    }

    private LoraConfig read(String more) {
        String json = "{'peft_type': 'LORA', 'r': 4, 'lora_alpha': 8, 'target_modules': ['q_proj']" + more + "}";
        try {
            Files.writeString(folder.resolve(Adapter.CONFIG), json.replace('\'', '"'));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return AdapterJson.read(ConfigJson.read(folder.resolve(Adapter.CONFIG)));
    }

    @Test
    void targetsAreNamesOrAnExpressionOrAll() {
        assertThat(read("").targets("model.layers.3.self_attn.q_proj")).isTrue();
        assertThat(read("").targets("model.layers.3.self_attn.xq_proj")).isFalse();
        assertThat(read(", 'layers_to_transform': [1, 2]").targets("model.layers.3.self_attn.q_proj"))
                .isFalse();
        assertThat(read(", 'layers_to_transform': 3").targets("model.layers.3.self_attn.q_proj"))
                .isTrue();
        LoraConfig all = new LoraConfig(
                Optional.empty(), 1, 1, 0, new TargetModules.All(), false, Map.of(), Map.of(), Set.of(), List.of());
        assertThat(all.targets("model.layers.0.mlp.up_proj")).isTrue();
        assertThat(all.targets("lm_head")).isFalse();
        assertThat(read(", 'use_rslora': true").scale("x")).isEqualTo(4);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'use_dora': true | use_dora true is not supported",
                "'fan_in_fan_out': true | fan_in_fan_out true is not supported",
                "'bias': 'all' | bias \"all\" is not supported",
                "'modules_to_save': ['lm_head'] | modules_to_save [\"lm_head\"] is not supported",
                "'init_lora_weights': 'pissa' | init_lora_weights \"pissa\" is not supported",
                "'layer_replication': [[0, 4]] | layer_replication [[0,4]] is not supported",
                "'rank_pattern': {'(': 3} | has a key that is no regular expression",
                "'rank_pattern': {'x': 'y'} | has a value that is no number",
                "'lora_dropout': 1 | lora_dropout 1.0: expected at least 0 and below 1",
            })
    void whatIsNotSupportedIsNamed(String key, String message) {
        assertThatThrownBy(() -> read(", " + key.replace('"', '\'')))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder.resolve(Adapter.CONFIG) + ": ")
                .hasMessageContaining(message);
    }

    @Test
    void otherKindsOfAdaptersAreRefused() throws IOException {
        Files.writeString(folder.resolve(Adapter.CONFIG), "{\"peft_type\": \"IA3\"}");
        assertThatThrownBy(() -> Adapter.open(folder)).hasMessageContaining("peft_type \"IA3\" is not supported");
    }
}
