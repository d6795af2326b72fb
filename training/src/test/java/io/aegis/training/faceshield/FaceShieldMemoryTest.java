package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.TrainingException;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.StepMemory;
import io.aegis.training.memory.Workspace;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.StoredType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FaceShieldMemoryTest {
    /** Grouped heads that are not as wide as the model; a vocabulary of which 13,000 rows of scores are taken at a time. */
    private static final String SMALL = """
            {"model_type": "bunny-llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24, "max_position_embeddings": 512,
             "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false,
             "vocab_size": 640, "torch_dtype": "bfloat16", "mm_hidden_size": 48, "mm_projector_type": "mlp2x_gelu",
             "mm_vision_tower": "siglip", "tokenizer_model_max_length": 512,
             "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 48, "intermediate_size": 96,
              "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 32, "patch_size": 8, "num_channels": 3,
              "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6}}
            """;

    /** The pool hands out blocks that are up to an eighth larger than what was asked for, which small ones come to need. */
    private static final double SLACK = 1.01;

    private static ConfigJson small() {
        try {
            return ConfigJson.of(Path.of("small"), (ObjectNode) new JsonMapper().readTree(SMALL));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static StoredWeights stored(ConfigJson json, Optional<Format> format) {
        return StoredWeights.of(json, new Synthesis(json, StoredType.BF16, format.map(QuantizationRecipe::of), 0));
    }

    private static FaceShieldTrainingOptions options(Stage stage) {
        return FaceShieldTrainingOptions.of(stage, Path.of("run"))
                .withLora(new FaceShieldTrainingOptions.Lora(8, 16, 0.1))
                .withLimits(new FaceShieldTrainingOptions.Limits(0, 1, true));
    }

    /** The step itself, on this machine's kernels, with weights of float32: kept, and at the most. */
    private static long[] counted(FaceShieldConfig config, Stage stage, LessonSize size, int checkpointed) {
        try (Parameters parameters = new Parameters();
                Parameters adapters = new Parameters()) {
            FaceShieldNetwork network = new FaceShieldNetwork(parameters, config);
            parameters.all().stream()
                    .filter(p -> !FaceShieldLearner.trains(stage).test(p))
                    .forEach(Parameter::frozen);
            parameters.initialize(DType.F32, 1);
            if (stage == Stage.ADAPTERS) {
                Adapter.fresh(network.language(), LoraConfig.of(8, 16, 0.1), adapters);
                adapters.initialize(DType.F32, 1);
            }
            List<Tensor> leaves = new ArrayList<>();
            Stream.concat(parameters.trainable().stream(), adapters.trainable().stream())
                    .forEach(p -> leaves.add(p.tensor()));
            Eyes eyes = eyes(network, stage);
            Pool.host().trim();
            Pool.host().resetPeak();
            long before = Pool.host().liveBytes();
            long kept;
            try (Scope scope = Scope.open();
                    Tape tape = Tape.record()) {
                Tensor loss = new LessonLoss(network, eyes, MaskingMode.OFF, 1, checkpointed, Probe.NONE)
                        .loss(size.lesson(config), 0);
                kept = Pool.host().liveBytes() - before;
                tape.backward(loss, leaves, (leaf, gradient) -> {});
            }
            return new long[] {kept, Pool.host().peakBytes() - before};
        }
    }

    private static Eyes eyes(FaceShieldNetwork network, Stage stage) {
        FaceShieldConfig c = network.config();
        int side = c.vision().image();
        return new Eyes() {
            @Override
            public Tensor features(Path picture) {
                return stage == Stage.FULL
                        ? network.features(Tensor.zeros(DType.F32, 2, 3, side, side))
                        : Tensor.zeros(
                                DType.F32, 2, c.streamTokens(), c.vision().width());
            }

            @Override
            public void prepare(Path picture) {}
        };
    }

    @ParameterizedTest
    @CsvSource({
        "ADAPTERS, 64, 0", "ADAPTERS, 64, 3", "ADAPTERS, 200, 0", "ADAPTERS, 200, 1", "ADAPTERS, 200, 3",
        "ADAPTERS, 411, 0", "ADAPTERS, 411, 2", "ADAPTERS, 411, 3", "PROJECTOR, 200, 0", "PROJECTOR, 200, 3",
        "PROJECTOR, 411, 3", "FULL, 64, 0", "FULL, 200, 0", "FULL, 200, 3", "FULL, 411, 3"
    })
    void whatIsPlannedIsWhatIsCounted(Stage stage, int positions, int checkpointed) {
        StoredWeights stored = stored(small(), Optional.empty());
        LessonSize size = new LessonSize(positions, (positions - 32) / 2, 10);
        StepMemory planned = new FaceShieldMemory(stored, options(stage), Workspace.PROCESSOR).step(size, checkpointed);

        long[] counted = counted(stored.config(), stage, size, checkpointed);

        assertThat((double) counted[0] / planned.kept()).as("kept").isBetween(1.0, SLACK);
        assertThat((double) counted[1] / planned.peak()).as("at the most").isBetween(1.0, SLACK);
    }

    private static MemoryPlan published(Optional<Format> format, int length) {
        ConfigJson json = Synthesis.config("bunny-llama3-8b");
        FaceShieldTrainingOptions options = FaceShieldTrainingOptions.of(Stage.ADAPTERS, Path.of("run"))
                .withLimits(new FaceShieldTrainingOptions.Limits(length, 1, true));
        StoredWeights stored = stored(json, format);
        return new FaceShieldMemory(stored, options, Workspace.gpu(DType.BF16))
                .plan(LessonSize.allowed(stored.config(), options.limits()), 32);
    }

    /** One sequence of 1,640 positions through 357 million trained weights of rank 128. */
    @Test
    void theLargeModelFitsWhereItShould() {
        MemoryPlan bfloat = published(Optional.empty(), 1640);
        MemoryPlan fourBits = published(Optional.of(Format.INT4), 1640);

        assertThat(bfloat.total()).isLessThan(26_000_000_000L);
        assertThat(fourBits.total()).isLessThan(15_000_000_000L);
        // 8,426.7 M weights of 2 bytes each, the tower's among them.
        assertThat(bfloat.of("frozen weights, mapped")).isBetween(16_850_000_000L, 16_860_000_000L);
        long trained = bfloat.of("trained weights");
        // A [128, in] and B [out, 128] of seven linears in 32 blocks; the projector's two, and its biases.
        long adapters = 32L * 128 * (2 * 8192 + 2 * 5120 + 3 * 18432);
        assertThat(trained).isEqualTo(4 * (adapters + 4096L * (1152 + 1) + 4096L * (4096 + 1)));
        assertThat(bfloat.of("their gradients")).isEqualTo(trained);
        assertThat(bfloat.of("Adam's moments")).isEqualTo(2 * trained);
        // What goes into each block, and what little is around them, once.
        long rows = 1640L * 4096 * 4;
        assertThat(bfloat.of(FaceShieldMemory.KEPT)).isBetween(32 * rows, 40 * rows);
        assertThat(published(Optional.empty(), 2048).total()).isGreaterThan(bfloat.total());
    }

    private static FaceShieldPlanner planner(FaceShieldTrainingOptions options, long bytes) {
        return new FaceShieldPlanner(
                stored(small(), Optional.empty()), options, Workspace.PROCESSOR, new MemoryBudget(bytes, true));
    }

    @Test
    void asFewBlocksAreComputedAgainAsFit() {
        FaceShieldTrainingOptions options = options(Stage.ADAPTERS);
        FaceShieldMemory memory = new FaceShieldMemory(stored(small(), Optional.empty()), options, Workspace.PROCESSOR);
        LessonSize longest = new LessonSize(512, 479, 479);
        long[] totals = new long[4];
        for (int k = 0; k < totals.length; k++) {
            totals[k] = memory.plan(longest, k).total();
        }
        assertThat(totals[2]).isBetween(totals[3] + 1, totals[0] - 1);

        assertThat(planner(options, totals[0]).require().checkpointed()).isZero();
        // One block that is computed again takes about as much while it is as it gave up: it may not be enough.
        int fewest = totals[1] < totals[0] ? 1 : 2;
        assertThat(planner(options, totals[0] - 1).require().checkpointed()).isEqualTo(fewest);
        assertThat(planner(options, totals[2]).require().plan().total()).isEqualTo(totals[2]);
        assertThat(planner(options, totals[2] - 1).require().checkpointed()).isEqualTo(3);
        assertThatThrownBy(() -> planner(options, totals[3] - 1).require()).isInstanceOf(TrainingException.class);
        FaceShieldPlanner unasked = new FaceShieldPlanner(
                stored(small(), Optional.empty()),
                options,
                Workspace.PROCESSOR,
                new MemoryBudget(Long.MAX_VALUE, false));
        assertThat(unasked.require().checkpointed()).isEqualTo(3);
    }

    @Test
    void whatDoesNotFitIsRefusedWithWhatWouldHelp() {
        FaceShieldTrainingOptions wide = options(Stage.ADAPTERS)
                .withLora(new FaceShieldTrainingOptions.Lora(32, 16, 0.1))
                .withLimits(new FaceShieldTrainingOptions.Limits(0, 2, false));
        long total = planner(wide, 1).choose().plan().total();

        assertThatThrownBy(() -> planner(wide, total - 1).require())
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith("training would hold ")
                .hasMessageContaining("more than the ")
                .hasMessageContaining("the largest parts: beside tensors ")
                .hasMessageContaining(", kept for the way back ")
                .hasMessageContaining("it would fit with --checkpointing (")
                .hasMessageContaining("or with --lanes 1 (")
                .hasMessageContaining("or with --length 496 (");
        assertThatThrownBy(() -> planner(wide, 1000).require())
                .hasMessageContaining(
                        "with all of --checkpointing, --lanes 1, --rank 8, a base of 4 bits (aegis quantize)"
                                + " it would hold ");
    }
}
