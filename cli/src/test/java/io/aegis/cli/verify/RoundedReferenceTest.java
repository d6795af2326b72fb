package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.RoundedKernels;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.RopeScaling;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
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
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The rule for 16 bits lets pass what rounds less than a reference that rounds everything, and fails planted defects. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RoundedReferenceTest {
    private static final LlamaConfig CONFIG =
            new LlamaConfig(80, 64, 160, 2, 4, 2, 16, 1e-5, 10000, RopeScaling.NONE, false, 64);

    private static final String JSON = """
            {"model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-5,
             "rope_theta": 10000, "max_position_embeddings": 64, "vocab_size": 80}
            """;

    private static final int ROWS = 3;
    private static final int LENGTH = 12;

    private Path folder;

    /** Values of the plain kernels in double: logits, a loss, and its gradients for all weights. */
    @BeforeAll
    void write(@TempDir Path directory) throws IOException {
        folder = directory;
        Files.writeString(folder.resolve("config.json"), JSON);
        SplittableRandom random = new SplittableRandom(11);
        try (Parameters p = new Parameters();
                Arena arena = Arena.ofShared();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            LlamaNetwork network = new LlamaNetwork(p.at("llm"), CONFIG);
            p.initialize(DType.F64, 1);
            List<StoredTensor> weights = new ArrayList<>();
            for (Parameter q : p.all()) {
                View stored = View.allocate(arena, DType.F32, q.shape());
                boolean gain = q.shape().length == 1;
                for (long i = 0; i < stored.elements(); i++) {
                    double z = random.nextDouble(-1, 1);
                    stored.setAt(i, gain ? 1 + 0.5 * z : 0.25 * z);
                }
                Backends.scalar().elementwise().copy(stored, q.view());
                weights.add(StoredTensor.of(nameInFile(q), stored, arena));
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), weights);

            long[] ids = random.longs(ROWS * LENGTH, 0, CONFIG.vocabulary()).toArray();
            Tensor tokens = Tensor.of(ids, ROWS, LENGTH);
            Tensor hidden = network.hidden(
                    network.embed(tokens),
                    LlamaNetwork.positions(0, LENGTH),
                    AttentionMask.causal(),
                    Pass.EVALUATION,
                    true);
            Tensor loss = network.loss(hidden, tokens);
            List<StoredTensor> io = new ArrayList<>();
            io.add(StoredTensor.of("some.input_ids", tokens.view(), arena));
            io.add(StoredTensor.of("some.attention_mask", ones(arena), arena));
            io.add(StoredTensor.of("some.labels", tokens.view(), arena));
            io.add(StoredTensor.of("some.logits", floats(network.logits(hidden).view(), arena), arena));
            io.add(StoredTensor.of("some.loss", floats(loss.view(), arena), arena));
            SafetensorsWriter.write(folder.resolve("io.safetensors"), Map.of(), SafetensorsWriter.aligned(io));

            List<Tensor> leaves = p.trainable().stream().map(Parameter::tensor).toList();
            List<StoredTensor> gradients = new ArrayList<>();
            try (Gradients g = tape.gradients(loss, leaves)) {
                for (Parameter q : p.trainable()) {
                    View values = floats(g.of(q.tensor()).view(), arena);
                    gradients.add(StoredTensor.of(nameInFile(q), values, arena));
                }
            }
            SafetensorsWriter.write(folder.resolve("grads_some.safetensors"), Map.of(), gradients);
        }
    }

    private static String nameInFile(Parameter q) {
        String name = q.name().substring("llm.".length());
        return name.equals("lm_head.weight") ? name : "model." + name;
    }

    private static View floats(View x, Arena arena) {
        View out = View.allocate(arena, DType.F32, x.shape());
        Backends.scalar().elementwise().copy(x, out);
        return out;
    }

    private static View ones(Arena arena) {
        View out = View.allocate(arena, DType.I64, ROWS, LENGTH);
        for (long i = 0; i < out.elements(); i++) {
            out.setLongAt(i, 1);
        }
        return out;
    }

    private static Rows verify(Path directory, Kernels kernels) throws IOException {
        return Verification.of(directory, Verification.Computing.rounded(kernels, DType.BF16));
    }

    private static String table(Rows rows) {
        StringWriter out = new StringWriter();
        rows.print(new PrintWriter(out), true);
        return out.toString();
    }

    private static long failed(Rows rows) {
        return rows.counts().get(Row.Verdict.FAILED);
    }

    /** Nothing is trained here, and truncation shortens all alike, most of which the norms take back. */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NARROW_MASTERS", "TRUNCATED_OPERANDS"})
    void defectsFail(Defect defect) throws IOException {
        Rows rows = verify(folder, defect.kernels());
        assertThat(rows.all().stream().map(Row::name)).contains("io:some.logits", "grads_some:(all)");
        assertThat(failed(rows) == 0).as(table(rows)).isEqualTo(defect == Defect.NONE);
    }

    /** A run that rounds everything, in a unit that is none of the reference's, is not worse than the reference. */
    @Test
    void theReferenceItselfPasses() throws IOException {
        Kernels other = RoundedKernels.draws(Backends.best(), DType.BF16, 3).get(1);
        Rows rows = verify(folder, other);
        assertThat(rows.all().stream().filter(r -> !r.name().endsWith("(all)")).map(Row::verdict))
                .as(table(rows))
                .doesNotContain(Row.Verdict.FAILED);
    }

    /** Weights of few bits are held to their dequantised selves: outputs, and gradients of what is not of few bits. */
    @ParameterizedTest
    @EnumSource
    void fewBitsAreWhatTheirDequantisedWeightsGive(Format format) throws IOException {
        Verification.Computing computing = new Verification.Computing(Backends.best(), DType.F32);
        Rows rows = Verification.quantized(folder, computing, format).orElseThrow();
        assertThat(failed(rows)).as(table(rows)).isZero();
        assertThat(rows.all().stream().map(Row::name))
                .contains("io:some.logits", "io:some.loss", "grads_some:model.layers.0.input_layernorm.weight")
                .doesNotContain("grads_some:model.layers.0.mlp.up_proj.weight");
        // What the published weights give is another model's: nothing here was compared with it.
        assertThat(Verification.of(folder, computing).all().stream()
                        .filter(r -> r.name().equals("io:some.logits"))
                        .map(Row::reference))
                .doesNotContainAnyElementsOf(rows.all().stream()
                        .filter(r -> r.name().equals("io:some.logits"))
                        .map(Row::reference)
                        .toList());
    }

    /** Rounded as a processor with bfloat16 rounds, they keep the rule for 16 bits, and do not keep float32's tolerance. */
    @ParameterizedTest
    @EnumSource
    void fewBitsKeepTheRuleForSixteen(Format format) throws IOException {
        System.setProperty("aegis.bf16", "emulated");
        try {
            Kernels kernels = Backends.best().rounding(DType.BF16);
            Rows rows = Verification.quantized(folder, Verification.Computing.rounded(kernels, DType.BF16), format)
                    .orElseThrow();
            assertThat(failed(rows)).as(table(rows)).isZero();
            Verification.Computing float32 = new Verification.Computing(kernels, DType.F32);
            assertThat(failed(Verification.quantized(folder, float32, format).orElseThrow()))
                    .isPositive();
        } finally {
            System.clearProperty("aegis.bf16");
        }
    }

    /** Without a defect DADM is not asked: parameters after three steps of Adam may differ by chance (bench/NOTES.md). */
    @ParameterizedTest
    @CsvSource({
        "dadm, NARROW_MASTERS",
        "hf/siglip-hd16, NARROW_SUMS",
        "hf/siglip-hd16, TRUNCATED_OPERANDS",
        "hf/siglip-hd16, OPERANDS_OF_SEVEN_BITS",
        "hf/siglip-hd16, NONE",
        "faceshield, NONE"
    })
    void defectsFailOnReferencesAtHand(String relative, Defect defect) throws IOException {
        Path directory = Path.of(System.getProperty("aegis.golden", "golden")).resolve(relative);
        assumeTrue(Files.exists(directory), () -> "skipped: no reference data at " + directory);
        Rows rows = verify(directory, defect.kernels());
        if (defect == Defect.NONE) {
            assertThat(failed(rows)).as(table(rows)).isZero();
        } else {
            // One row is what chance may do.
            assertThat(failed(rows)).as(table(rows)).isGreaterThan(1);
        }
    }
}
