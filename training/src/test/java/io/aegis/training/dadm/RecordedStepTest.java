package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.DerivedKernels;
import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Memory;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Labels;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.memory.Workspace;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Steps of a tiny DADM that are launched as they were recorded, beside the same kernel by kernel, in the emulator. */
class RecordedStepTest {
    private static final DadmConfig ONE_LAYER = new DadmConfig(8, 1, 1, 2, 2, 16, 4, 2, 5);
    private static final DadmConfig TWO_LAYERS = new DadmConfig(8, 2, 2, 2, 2, 16, 4, 2, 5);

    @TempDir
    Path folder;

    private Kernels gpu;

    @BeforeEach
    void open() {
        try {
            gpu = CudaBackend.emulator(Precision.F32);
        } catch (CudaException e) {
            Assumptions.abort(e.getMessage());
        }
    }

    @AfterEach
    void close() throws Exception {
        Backends.choose(null);
        if (gpu != null) {
            assertThat(gpu.memory().liveBlocks()).as("all is given back").isZero();
            ((AutoCloseable) gpu).close();
        }
    }

    /** All that steps of batches of these sizes leave and say, bits of the reports among it. */
    private record Course(Map<String, byte[]> state, List<String> reports, List<Map<String, Integer>> launches) {
        List<Integer> graphs() {
            return launches.stream().map(m -> m.getOrDefault("graph", 0)).toList();
        }

        /** Adam's count of a parameter's updates. */
        long count(String parameter) {
            return ByteBuffer.wrap(state.get("adam.steps/" + parameter))
                    .order(ByteOrder.nativeOrder())
                    .getLong();
        }

        void assertSame(Course other) {
            assertThat(reports).isEqualTo(other.reports);
            assertThat(state.keySet()).isEqualTo(other.state.keySet());
            state.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(other.state.get(name)));
        }
    }

    /**
     * Steps of batches of these sizes.
     *
     * @param stop after how many steps all is written to a file and read from it; -1 for never
     */
    private Course course(Kernels kernels, DadmConfig config, boolean graphs, int stop, int... sizes) {
        System.setProperty("aegis.cuda.graph", Boolean.toString(graphs));
        Backends.choose(kernels);
        DadmTrainingOptions options = DadmTrainingOptions.published(config, folder);
        List<String> reports = new ArrayList<>();
        List<Map<String, Integer>> launches = new ArrayList<>();
        Learner learner = Learner.fresh(options);
        try (Arena arena = Arena.ofShared()) {
            for (int i = 0; i < sizes.length; i++) {
                if (i == stop) {
                    Path file = folder.resolve("stopped" + graphs + ".safetensors");
                    SafetensorsWriter.write(file, Map.of(), learner.tensors(arena));
                    learner.close();
                    try (Safetensors stored = Safetensors.open(file)) {
                        learner = Learner.stored(options, stored);
                    }
                }
                DadmStep step = learner.step();
                int n = i;
                launches.add(
                        CudaBackend.launches(gpu, () -> reports.add(step(step, () -> batch(config, sizes[n], n), n))));
            }
            Map<String, byte[]> state = new TreeMap<>();
            learner.tensors(arena)
                    .forEach(t -> state.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
            return new Course(state, reports, launches);
        } finally {
            learner.close();
            System.clearProperty("aegis.cuda.graph");
        }
    }

    /** A report's bits. */
    private static String step(DadmStep step, Supplier<Batch> drawn, int number) {
        try (Scope scope = Scope.open()) {
            DadmStep.Report r = step.run(drawn.get(), number == 0 ? 0 : 1, number, 1e-3 / (1 + number));
            return Double.toHexString(r.total())
                    + Arrays.toString(r.modal())
                    + Arrays.toString(r.information())
                    + r.agreement();
        }
    }

    /** How many parameters learn. */
    private long learned(DadmConfig config) {
        try (Learner learner = Learner.fresh(DadmTrainingOptions.published(config, folder))) {
            return learner.parameters().trainable().size();
        }
    }

    /** Another mixture each time, of which some lack a domain, or two. */
    private static long[] domains(int rows, int number) {
        long[] domain = new long[rows];
        Arrays.setAll(domain, i -> number == 2 ? 0 : (i / 2 + number) % 3);
        return domain;
    }

    /** Waves. */
    private static Batch batch(DadmConfig config, int rows, int number) {
        Tensor[] pictures = new Tensor[3];
        int side = config.image();
        for (int k = 0; k < 3; k++) {
            pictures[k] = Tensor.empty(DType.F32, rows, 3, side, side);
            View v = pictures[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, Math.sin((0.37 + 0.01 * (i / (3 * side * side))) * i + k + 5 * number));
            }
        }
        long[] live = new long[rows];
        long[] samples = new long[rows];
        Arrays.setAll(live, i -> 1 - i % 2);
        Arrays.setAll(samples, i -> 100L * number + i);
        return new Batch(
                pictures, null, new Labels(live, live.clone(), domains(rows, number)), Tensor.of(samples, rows));
    }

    /** Permutations, masks, mu, rates and missing domains change from step to step; the first batch lacks one as well. */
    @Test
    void noBitDependsOnTheRecording() {
        int[] sizes = {3, 3, 3, 3, 3};
        Course plain = course(gpu, TWO_LAYERS, false, -1, sizes);
        Course recorded = course(gpu, TWO_LAYERS, true, -1, sizes);
        recorded.assertSame(plain);
        assertThat(plain.graphs()).containsOnly(0);
        assertThat(recorded.graphs()).containsExactly(0, 1, 1, 1, 1);
        // So that nobody launches more beside it without noticing: pictures are copied to where it reads them.
        assertThat(recorded.launches.subList(2, 5))
                .allSatisfy(m -> assertThat(m).isEqualTo(Map.of("graph", 1, "moves16", 1)));
    }

    /** A head counts an update in steps whose batch has rows of its domain, and in no others; moments stand still meanwhile. */
    @Test
    void headsOfMissingDomainsStandStill() {
        int[] sizes = {3, 3, 3, 3, 3};
        Course recorded = course(gpu, ONE_LAYER, true, -1, sizes);
        recorded.assertSame(course(gpu, ONE_LAYER, false, -1, sizes));
        for (int j = 0; j < 3; j++) {
            int domain = j;
            long steps = IntStream.range(0, sizes.length)
                    .filter(n -> Arrays.stream(domains(3, n)).anyMatch(d -> d == domain))
                    .count();
            assertThat(recorded.count("fc_d" + (j + 1) + ".weight"))
                    .isEqualTo(steps)
                    .isBetween(1L, 4L);
        }
        assertThat(recorded.count("class_token1")).isEqualTo(5);
    }

    @Test
    void noBitDependsOnAStopOrOnBatchesOfOtherSizes() {
        int[] sizes = {2, 2, 2, 2, 3, 2};
        Course plain = course(gpu, ONE_LAYER, false, -1, sizes);
        Course stopped = course(gpu, ONE_LAYER, true, 2, sizes);
        stopped.assertSame(plain);
        assertThat(stopped.graphs()).containsExactly(0, 1, 0, 1, 0, 0);
    }

    /** What a plan says beside what the device counts, whose blocks are multiples of 512 bytes. */
    @Test
    void placesAreAsPlanned() {
        DadmTrainingOptions options = DadmTrainingOptions.published(TWO_LAYERS, folder);
        options = options.withFit(options.fit().withBatch(3));
        long learned = learned(TWO_LAYERS);
        long planned = DadmMemory.places(options, Workspace.of(gpu));
        long before = gpu.memory().liveBytes();
        try (FixedTensors fixed = new FixedTensors(gpu)) {
            long blocks = gpu.memory().liveBlocks();
            StepPlaces.of(TWO_LAYERS, 3, false, learned, fixed);
            long made = gpu.memory().liveBytes() - before;
            assertThat(made).isBetween(planned, planned + 512 * (gpu.memory().liveBlocks() - blocks));
        }
    }

    /** The recording fails when almost all of it is there. */
    @Test
    void whatCannotBeRecordedGoesKernelByKernel() {
        int[] sizes = {2, 2};
        Course plain = course(gpu, ONE_LAYER, false, -1, sizes);
        Course refused = course(new Refusing(gpu), ONE_LAYER, true, -1, sizes);
        refused.assertSame(plain);
        assertThat(refused.graphs()).containsOnly(0);
    }

    /**
     * Where a loss is none nothing is updated, though no host stands between losses and updates, and nothing counts as updated, though
     * it is counted before the launch.
     */
    @Test
    void aLossThatIsNoneUpdatesNothing() {
        Backends.choose(gpu);
        try (Learner learner = Learner.fresh(DadmTrainingOptions.published(ONE_LAYER, folder));
                Arena arena = Arena.ofShared()) {
            for (int i = 0; i < 2; i++) {
                int n = i;
                step(learner.step(), () -> batch(ONE_LAYER, 2, n), n);
            }
            Map<String, byte[]> state = changed(learner, arena);
            List<Long> before = counts(learner, arena);
            assertThatThrownBy(() -> step(learner.step(), () -> spoilt(batch(ONE_LAYER, 2, 2)), 2))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessageContaining("step 2");
            assertThat(before).contains(2L);
            assertThat(counts(learner, arena)).isEqualTo(before);
            Map<String, byte[]> after = changed(learner, arena);
            assertThat(after).hasSizeGreaterThan(200);
            after.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(state.get(name)));
        }
    }

    /** All that updates change: weights, moments. Batch norm's statistics and prototypes have moved. */
    private static Map<String, byte[]> changed(Learner learner, Arena arena) {
        Map<String, byte[]> out = new TreeMap<>();
        learner.tensors(arena).stream()
                .filter(t -> !t.info().name().matches("prototypes/.*|.*(running_mean|running_var|num_batches_tracked)"))
                .forEach(t -> out.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
        return out;
    }

    /** As kernel by kernel, before anything is launched or counted; the step that follows goes well. */
    @Test
    void labelsThatAreNoneAreRefused() {
        Backends.choose(gpu);
        try (Learner learner = Learner.fresh(DadmTrainingOptions.published(ONE_LAYER, folder));
                Arena arena = Arena.ofShared()) {
            for (int i = 0; i < 3; i++) {
                int n = i;
                List<Long> before = counts(learner, arena);
                assertThatThrownBy(() -> step(learner.step(), () -> mislabelled(batch(ONE_LAYER, 2, n)), n))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("label 2 of row 1, expected 1 for bona fide or 0 for an attack");
                assertThat(counts(learner, arena)).isEqualTo(before);
                step(learner.step(), () -> batch(ONE_LAYER, 2, n), n);
                assertThat(counts(learner, arena)).contains(n + 1L);
            }
        }
    }

    private static Batch mislabelled(Batch batch) {
        Labels own = batch.labels();
        Labels wrong = new Labels(new long[] {1, 2}, own.prototype(), own.domain());
        return new Batch(batch.pictures(), null, wrong, batch.samples());
    }

    private static List<Long> counts(Learner learner, Arena arena) {
        return learner.tensors(arena).stream()
                .filter(t -> t.info().name().startsWith("adam.steps/"))
                .map(t -> t.bytes().get(ValueLayout.JAVA_LONG_UNALIGNED, 0))
                .toList();
    }

    private static Batch spoilt(Batch batch) {
        batch.pictures()[0].view().setAt(0, Double.NaN);
        return batch;
    }

    /** A GPU's kernels that fail behind what is recorded. */
    private static final class Refusing extends DerivedKernels {
        private final Kernels own;

        Refusing(Kernels own) {
            this.own = own;
        }

        @Override
        protected <T> T family(Class<T> which, Function<Kernels, T> of) {
            return of.apply(own);
        }

        @Override
        public Recording record(Runnable work) {
            return own.record(() -> {
                work.run();
                throw new OutOfMemoryError("of the test");
            });
        }

        @Override
        public boolean canRecord() {
            return own.canRecord();
        }

        @Override
        public String name() {
            return own.name();
        }

        @Override
        public Device device() {
            return own.device();
        }

        @Override
        public Memory memory() {
            return own.memory();
        }

        @Override
        public List<Choice> choices() {
            return own.choices();
        }
    }
}
