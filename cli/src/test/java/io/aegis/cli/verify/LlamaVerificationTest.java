package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.RopeScaling;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Directories of Llama's layout with sizes that no reference at hand has; the plain kernels in double make the values. */
class LlamaVerificationTest {
    /** Heads of 6 channels that do not fill the width, five query heads on one, an odd vocabulary. */
    private static final LlamaConfig CONFIG =
            new LlamaConfig(31, 20, 28, 2, 5, 1, 6, 1e-6, 1000, new RopeScaling.Linear(2), false, 32);

    private static final String JSON = """
            {"model_type": "llama", "hidden_size": 20, "intermediate_size": 28, "num_hidden_layers": 2,
             "num_attention_heads": 5, "num_key_value_heads": 1, "head_dim": 6, "rms_norm_eps": 1e-6,
             "rope_theta": 1000, "rope_scaling": {"type": "linear", "factor": 2.0}, "max_position_embeddings": 32}
            """;

    private static final long[] IDS = {3, 9, 30, 30, 7, 1, 4, 12};
    private static final double[] MASK = {1, 1, 0, 0, 1, 1, 1, 1};

    @TempDir
    Path folder;

    private static Rows verify(Path folder) throws IOException {
        return Verification.of(folder, new Verification.Computing(Backends.best(), DType.F32));
    }

    private static String table(Rows rows) {
        StringWriter out = new StringWriter();
        rows.print(new PrintWriter(out), true);
        return out.toString();
    }

    /** Weights in three shards of {@code dtype}; {@code change} may spoil what was computed. */
    private void write(DType dtype, BiConsumer<Map<String, View>, Arena> change) throws IOException {
        Files.writeString(folder.resolve("config.json"), JSON);
        try (Parameters p = new Parameters();
                Arena arena = Arena.ofShared();
                Scope scope = Scope.open(Backends.scalar())) {
            LlamaNetwork network = new LlamaNetwork(p, CONFIG);
            p.initialize(DType.F64, 9);
            List<List<StoredTensor>> shards = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
            StringBuilder map = new StringBuilder();
            int at = 0;
            for (Parameter q : p.all()) {
                View stored = View.allocate(arena, dtype, q.shape());
                for (long i = 0; i < stored.elements(); i++) {
                    stored.setAt(i, Math.sin(i + 7.0 * at) / (q.shape().length == 1 ? 1 : 3));
                }
                // The reference computes with the rounded weights.
                Backends.scalar().elementwise().copy(stored, q.view());
                String name = q.name().equals("lm_head.weight") ? q.name() : "model." + q.name();
                int shard = at++ % 3;
                shards.get(shard).add(StoredTensor.of(name, stored, arena));
                map.append(map.isEmpty() ? "" : ", ").append("\"%s\": \"model-%d.safetensors\"".formatted(name, shard));
            }
            for (int i = 0; i < 3; i++) {
                SafetensorsWriter.write(folder.resolve("model-" + i + ".safetensors"), Map.of(), shards.get(i));
            }
            Files.writeString(folder.resolve("model.safetensors.index.json"), "{\"weight_map\": {" + map + "}}");
            Map<String, View> io = reference(network, arena);
            change.accept(io, arena);
            List<StoredTensor> tensors = new ArrayList<>();
            io.forEach((name, view) -> tensors.add(StoredTensor.of(name, view, arena)));
            SafetensorsWriter.write(folder.resolve("io.safetensors"), Map.of(), SafetensorsWriter.aligned(tensors));
        }
    }

    private static Map<String, View> reference(LlamaNetwork network, Arena arena) {
        Map<String, View> io = new TreeMap<>();
        BiConsumer<String, Tensor> put = (name, t) -> {
            DType dtype = t.dtype().isFloating() ? DType.F32 : DType.I64;
            View v = View.allocate(arena, dtype, t.shape());
            Backends.scalar().elementwise().copy(t.view(), v);
            io.put(name, v);
        };
        Tensor ids = Tensor.of(IDS, 2, 4);
        put.accept("some.input_ids", ids);
        put.accept("some.attention_mask", Tensor.of(DType.I64, MASK, 2, 4));
        Tensor x = network.embed(ids);
        put.accept("some.hidden_states.0", x);
        Tensor hidden = network.hidden(
                x,
                LlamaNetwork.positions(0, 4),
                AttentionMask.of(true, Tensor.of(DType.U8, MASK, 2, 4)),
                null,
                (name, value) -> put.accept("some." + name, value));
        put.accept("some.logits", network.logits(hidden));
        long[] tokens = new long[3];
        long[] prompt = {5, 2};
        long[] all = {5, 2, 0, 0, 0};
        for (int t = 0; t < 3; t++) {
            Tensor h = network.hidden(
                    network.embed(Tensor.of(Arrays.copyOf(all, 2 + t), 1, 2 + t)),
                    LlamaNetwork.positions(0, 2 + t),
                    AttentionMask.causal(),
                    null,
                    Probe.NONE);
            double[] logits = network.logits(h.slice(1, 1 + t, 2 + t)).toDoubles();
            for (int i = 1; i < logits.length; i++) {
                tokens[t] = logits[i] > logits[(int) tokens[t]] ? i : tokens[t];
            }
            all[2 + t] = tokens[t];
        }
        put.accept("answer.input_ids", Tensor.of(prompt, 1, 2));
        put.accept("answer.new_tokens", Tensor.of(tokens, 1, 3));
        return io;
    }

    @Test
    void otherSizesAndTypesPass() throws IOException {
        for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
            write(dtype, (io, arena) -> {});
            Rows rows = verify(folder);
            assertThat(rows.exitCode()).as(table(rows)).isZero();
            assertThat(rows.all().stream().map(Row::name))
                    .containsExactlyInAnyOrder(
                            "io:some.hidden_states.0",
                            "io:some.layer_out.0",
                            "io:some.layer_out.1",
                            "io:some.logits",
                            "io:some.logits, packed",
                            "io:answer.new_tokens");
        }
    }

    /** The GPU's kernels, on the processor: every copy between the two memories that a model needs takes place. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void kernelsOfTheGpuPass(Precision precision) throws Exception {
        write(DType.BF16, (io, arena) -> {});
        Kernels kernels;
        try {
            kernels = CudaBackend.emulator(precision);
        } catch (CudaException e) {
            Assumptions.abort("the GPU's kernels are not run: " + e.getMessage());
            return;
        }
        Verification.Computing computing = precision == Precision.F32
                ? new Verification.Computing(kernels, DType.F32)
                : Verification.Computing.rounded(kernels, precision.dtype());
        try (AutoCloseable closing = (AutoCloseable) kernels) {
            Backends.choose(kernels);
            Rows rows = Verification.of(folder, computing);
            assertThat(rows.exitCode()).as(table(rows)).isZero();
            assertThat(kernels.memory().liveBlocks()).isZero();
        } finally {
            Backends.choose(null);
        }
    }

    /** The processor's products of rounded operands, rounded in software here whatever the processor has. */
    @Test
    void theProcessorPassesInBfloat16() throws IOException {
        write(DType.F16, (io, arena) -> {});
        System.setProperty("aegis.bf16", "emulated");
        try {
            Kernels kernels = Backends.best().rounding(DType.BF16);
            assertThat(kernels).isNotSameAs(Backends.best());
            Backends.choose(kernels);
            Rows rows = Verification.of(folder, Verification.Computing.rounded(kernels, DType.BF16));
            assertThat(rows.exitCode()).as(table(rows)).isZero();
        } finally {
            System.clearProperty("aegis.bf16");
            Backends.choose(null);
        }
    }

    @Test
    void oneWrongValueFailsUnlessItIsPadding() throws IOException {
        write(DType.F32, (io, arena) -> io.get("some.logits").set(99, 0, 2, 5));
        assertThat(verify(folder).exitCode()).isZero();
        write(DType.F32, (io, arena) -> io.get("some.logits").set(99, 0, 1, 5));
        Rows rows = verify(folder);
        assertThat(rows.exitCode()).isEqualTo(1);
        assertThat(rows.all().stream()
                        .filter(r -> r.verdict() == Row.Verdict.FAILED)
                        .map(Row::name))
                .containsExactly("io:some.logits", "io:some.logits, packed");
    }

    /** No group of 32 divides 20 or 28. */
    @Test
    void whatCannotBeOfFewBitsIsSaid() throws IOException {
        write(DType.F32, (io, arena) -> {});
        Verification.Computing computing = new Verification.Computing(Backends.best(), DType.F32);
        Rows rows = Verification.quantized(folder, computing, Format.INT4).orElseThrow();
        assertThat(rows.exitCode()).isEqualTo(2);
        assertThat(table(rows)).contains("has no matrix to quantise");
    }

    @Test
    void whatNobodyComparesIsSaid() throws IOException {
        write(DType.F32, (io, arena) -> io.put("some.mystery", View.allocate(arena, DType.F32, 2)));
        Rows rows = verify(folder);
        assertThat(rows.exitCode()).isEqualTo(2);
        assertThat(table(rows)).contains("io:some.mystery");
    }
}
