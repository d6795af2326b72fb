package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The model's masking on a GPU's kernels, in the emulator, beside the processor's: the same bits, chosen and gathered there.
 * What can be recorded reads nothing on the host and writes nothing there: a recording refuses both.
 */
class PvtmDeviceTest {
    private static final int N = 130;
    private static final int TOWER = 12;
    private static final int MODEL = 20;
    private static final Draw DRAW = new Draw(1L << 40 | 3, 5, (1L << 35) + 7);

    private Kernels gpu;

    @BeforeEach
    void open() {
        try {
            gpu = CudaBackend.emulator(Precision.F32);
        } catch (CudaException e) {
            Assumptions.abort("the GPU's kernels are not run: " + e.getMessage());
        }
    }

    @AfterEach
    void close() throws Exception {
        if (gpu != null) {
            ((AutoCloseable) gpu).close();
        }
    }

    private static PvtmOptions options(SimilaritySpace space, TokenRanking ranking, OptionalDouble temperature) {
        return new PvtmOptions(
                PromptVector.MAX,
                space,
                ranking,
                40,
                50,
                TokenMasking.REMOVE,
                MaskingMode.STOCHASTIC,
                MaskingMode.OFF,
                temperature);
    }

    private static Tensor noise(long seed, long... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] values = new double[(int) View.count(shape)];
        Arrays.setAll(values, i -> random.nextDouble(-1, 1));
        return Tensor.of(DType.F32, values, shape);
    }

    /** What the language model would see, and how that was chosen. */
    private record Shown(Selection selection, double[] rows) {}

    private static Shown shown(Kernels kernels, Pvtm pvtm, MaskingMode mode) {
        try (Scope scope = Scope.open(kernels)) {
            Tensor tokens = noise(1, N, MODEL);
            Tensor question = noise(2, 3, MODEL);
            RankedTokens[] out = new RankedTokens[1];
            List<String> launched =
                    CudaBackend.launched(kernels, () -> out[0] = pvtm.rank(tokens, question, 2, mode, DRAW));
            assertThat(launched)
                    .as("who chose")
                    .isEqualTo(kernels.device().kind() == Device.Kind.CUDA ? List.of("vision_masking") : List.of());
            RankedTokens ranked = out[0];
            KeptTokens kept = mode == MaskingMode.OFF ? ranked.kept() : pvtm.keep(tokens, question, 2, mode, DRAW);
            double[] rows = pvtm.masked(tokens, kept).rows().toDoubles();
            assertThat(pvtm.masked(tokens, ranked.kept()).rows().toDoubles()).isEqualTo(rows);
            return new Shown(ranked.selection(), rows);
        }
    }

    @ParameterizedTest
    @CsvSource({"JOINT, STOCHASTIC", "PER_STREAM, STOCHASTIC", "JOINT, TOPK_ONLY", "PER_STREAM, OFF"})
    void theChoiceHasTheSameBits(TokenRanking ranking, MaskingMode mode) {
        Pvtm pvtm =
                new Pvtm(new Parameters(), options(SimilaritySpace.LLM, ranking, OptionalDouble.of(0.5)), TOWER, MODEL);
        Shown expected = shown(Backends.best(), pvtm, mode);
        Shown got = shown(gpu, pvtm, mode);
        assertThat(got.selection.cosine()).isEqualTo(expected.selection.cosine());
        assertThat(got.selection.top()).isEqualTo(expected.selection.top()).hasSize(52);
        assertThat(got.selection.kept()).isEqualTo(expected.selection.kept());
        assertThat(got.selection.importance()).containsExactly(expected.selection.importance(), within(1e-15));
        assertThat(got.rows).isEqualTo(expected.rows).hasSize(MODEL * got.selection.kept().length);
    }

    /** One kernel chooses, and another gathers, by numbers of which the host has the copy that it looks at. */
    @Test
    void rowsAreGatheredWhereTheyWereChosen() {
        Pvtm pvtm = new Pvtm(
                new Parameters(), options(SimilaritySpace.LLM, TokenRanking.JOINT, OptionalDouble.of(1)), TOWER, MODEL);
        try (Scope scope = Scope.open(gpu)) {
            Tensor tokens = noise(1, N, MODEL);
            Tensor question = noise(2, 3, MODEL);
            gpu.elementwise()
                    .copy(tokens.view(), Tensor.empty(DType.F32, N, MODEL).view());
            KeptTokens[] kept = new KeptTokens[1];
            Map<String, Integer> launches = CudaBackend.launches(
                    gpu, () -> kept[0] = pvtm.keep(tokens, question, 2, MaskingMode.STOCHASTIC, DRAW));
            assertThat(launches).containsExactly(Map.entry("vision_masking", 1));
            Tensor[] rows = new Tensor[1];
            try (Recording recording =
                    gpu.record(() -> rows[0] = pvtm.masked(tokens, kept[0]).rows())) {
                recording.launch();
                assertThat(rows[0].size(0)).isEqualTo(kept[0].places().length);
                for (int i = 0; i < kept[0].places().length; i++) {
                    int from = kept[0].places()[i];
                    assertThat(rows[0].slice(0, i, i + 1).toDoubles())
                            .isEqualTo(tokens.slice(0, from, from + 1).toDoubles());
                }
            }
        }
    }

    /** The rows that are gathered by are what the kernel wrote, not a copy of what the host read of it. */
    @Test
    void whatIsGatheredByIsWhatWasWritten() {
        try (Scope scope = Scope.open(gpu)) {
            Tensor written = Tensor.of(new long[] {1, 3, -1, -1}, 1, 4);
            KeptTokens kept = KeptTokens.of(written);
            assertThat(kept.places()).containsExactly(1, 3);
            written.view().setLongAt(0, 2);
            assertThat(kept.rows().toDoubles()).containsExactly(2, 3);
        }
    }

    /** Projector, gate, choice and gather of a whole network, as training has them. */
    @ParameterizedTest
    @CsvSource({"LLM, STOCHASTIC", "TOWER, STOCHASTIC", "TOWER, TOPK_ONLY", "LLM, OFF"})
    void theNetworkSeesTheSameTokens(SimilaritySpace space, MaskingMode mode, @TempDir Path folder) {
        FaceShieldOptions options =
                FaceShieldOptions.DEFAULT.withPvtm(options(space, TokenRanking.JOINT, OptionalDouble.of(0.5)));
        try (Parameters p = new Parameters()) {
            FaceShieldNetwork network = new FaceShieldNetwork(p, SmallFaceShield.config(folder, options));
            SmallFaceShield.fill(p, DType.F32, 5);
            List<VisionTokens> seen = new ArrayList<>();
            List<double[]> rows = new ArrayList<>();
            for (Kernels kernels : List.of(Backends.best(), gpu)) {
                try (Scope scope = Scope.open(kernels)) {
                    seen.add(network.vision(noise(6, 2, 4, 12), new long[] {70, 71, 72}, mode, DRAW));
                    rows.add(seen.getLast().rows().toDoubles());
                }
            }
            assertThat(seen.get(1).places()).isEqualTo(seen.get(0).places());
            assertThat(seen.get(1).places().length).isBetween(mode == MaskingMode.OFF ? 8 : 4, 8);
            assertThat(rows.get(1)).containsExactly(rows.get(0), within(1e-5));
        }
    }

    /** Values of the learned map's gate, and gradients of what is learned, where each value has another slope. */
    private static List<double[]> gate(Kernels kernels, Pvtm pvtm, Parameters p, boolean recorded) {
        try (Scope scope = Scope.open(kernels)) {
            Tensor tokens = noise(3, N, TOWER);
            Tensor question = noise(4, 5, MODEL);
            Tensor weights = noise(5, N, TOWER);
            List<Tensor> learned = p.trainable().stream().map(Parameter::tensor).toList();
            List<Tensor> all = new ArrayList<>(List.of(tokens, question, weights));
            all.addAll(learned);
            // Where kernels want them before anything is recorded.
            all.forEach(t -> kernels.elementwise()
                    .copy(t.view(), Tensor.empty(t.dtype(), t.shape()).view()));
            List<Tensor> out = new ArrayList<>();
            Runnable work = () -> {
                try (Tape tape = Tape.record()) {
                    Tensor gated = pvtm.gated(tokens, pvtm.prompt(question, x -> x));
                    out.add(gated);
                    Map<Tensor, Tensor> gradients = new IdentityHashMap<>();
                    tape.backward(gated, weights, learned, (leaf, gradient) -> {
                        Tensor own = Tensor.empty(DType.F32, gradient.shape());
                        kernels.elementwise().copy(gradient.view(), own.view());
                        gradients.put(leaf, own);
                    });
                    learned.forEach(leaf -> out.add(gradients.get(leaf)));
                }
            };
            if (recorded) {
                try (Recording recording = kernels.record(work)) {
                    recording.launch();
                    return out.stream().map(Tensor::toDoubles).toList();
                }
            }
            work.run();
            return out.stream().map(Tensor::toDoubles).toList();
        }
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    void theLearnedGateStaysOnTheDevice(boolean learnedTemperature) {
        try (Parameters p = new Parameters()) {
            Pvtm pvtm = new Pvtm(
                    p,
                    options(
                            SimilaritySpace.TOWER,
                            TokenRanking.JOINT,
                            learnedTemperature ? OptionalDouble.empty() : OptionalDouble.of(0.5)),
                    TOWER,
                    MODEL);
            p.initialize(DType.F32, 1);
            List<double[]> expected = gate(Backends.best(), pvtm, p, false);
            List<double[]> got = gate(gpu, pvtm, p, true);
            assertThat(got).hasSize(learnedTemperature ? 4 : 3);
            assertThat(got.getFirst()).isEqualTo(expected.getFirst());
            for (int i = 1; i < got.size(); i++) {
                double largest =
                        Arrays.stream(expected.get(i)).map(Math::abs).max().orElse(0);
                assertThat(largest).isGreaterThan(1e-3);
                assertThat(got.get(i)).containsExactly(expected.get(i), within(1e-5 * largest));
            }
        }
    }
}
