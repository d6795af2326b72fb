package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;

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
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps of a tiny DADM that are launched as they were recorded, beside the same kernel by kernel, in the emulator. */
class RecordedStepTest {
    private static final DadmConfig TINY = new DadmConfig(8, 2, 2, 2, 2, 16, 4, 2, 5);

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
    private record Course(Map<String, byte[]> state, List<String> reports, List<Integer> graphs) {
        void assertSame(Course other) {
            assertThat(reports).isEqualTo(other.reports);
            assertThat(state.keySet()).isEqualTo(other.state.keySet());
            state.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(other.state.get(name)));
        }
    }

    private DadmTrainingOptions options(String recipe) {
        return DadmTrainingOptions.published(TINY, folder).withRecipe(recipe);
    }

    /**
     * @param stop after how many steps all is written to a file and read from it; -1 for never
     */
    private Course course(Kernels kernels, boolean graphs, String recipe, int stop, int... sizes) throws IOException {
        System.setProperty("aegis.cuda.graph", Boolean.toString(graphs));
        Backends.choose(kernels);
        List<String> reports = new ArrayList<>();
        List<Integer> launched = new ArrayList<>();
        Learner learner = Learner.fresh(options(recipe));
        try (Arena arena = Arena.ofShared()) {
            for (int i = 0; i < sizes.length; i++) {
                if (i == stop) {
                    Path file = folder.resolve("stopped" + graphs + ".safetensors");
                    SafetensorsWriter.write(file, Map.of(), learner.tensors(arena));
                    learner.close();
                    try (Safetensors stored = Safetensors.open(file)) {
                        learner = Learner.stored(options(recipe), stored);
                    }
                }
                DadmStep step = learner.step();
                int n = i;
                Map<String, Integer> launches = CudaBackend.launches(gpu, () -> reports.add(step(step, sizes[n], n)));
                launched.add(launches.getOrDefault("graph", 0));
                System.out.println(System.currentTimeMillis() % 1000000 + " " + graphs + " " + i + " " + launches.values().stream().mapToInt(x -> x).sum() + " " + reports.getLast());
            }
            Map<String, byte[]> state = new TreeMap<>();
            learner.tensors(arena)
                    .forEach(t -> state.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
            return new Course(state, reports, launched);
        } finally {
            learner.close();
            System.clearProperty("aegis.cuda.graph");
        }
    }

    /** A report's bits. */
    private static String step(DadmStep step, int size, int number) {
        try (Scope scope = Scope.open()) {
            Batch batch = batch(size, number);
            double rate = 1e-3 / (1 + number);
            DadmStep.Report r = step.run(batch, number == 0 ? 0 : 1, number, rate);
            return Double.toHexString(r.total()) + Arrays.toString(r.modal()) + Arrays.toString(r.information())
                    + r.agreement();
        }
    }

    /** Waves; every third batch lacks a domain, and with it the angles of one class. */
    private static Batch batch(int rows, int number) {
        Tensor[] pictures = new Tensor[3];
        int side = TINY.image();
        for (int k = 0; k < 3; k++) {
            pictures[k] = Tensor.empty(DType.F32, rows, 3, side, side);
            View v = pictures[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, Math.sin((0.37 + 0.01 * (i / (3 * side * side))) * i + k + 5 * number));
            }
        }
        long[] live = new long[rows];
        long[] domain = new long[rows];
        long[] samples = new long[rows];
        Arrays.setAll(live, i -> 1 - i % 2);
        Arrays.setAll(domain, i -> i / 2 % (number % 3 == 2 ? 2 : 3));
        Arrays.setAll(samples, i -> 100L * number + i);
        return new Batch(pictures, null, new Labels(live, live.clone(), domain), Tensor.of(samples, rows));
    }

    @ParameterizedTest
    @ValueSource(strings = {"intended"})
    void noBitDependsOnTheRecording(String recipe) throws IOException {
        int[] sizes = {4, 4, 4, 3, 4, 4};
        Course plain = course(gpu, false, recipe, -1, sizes);
        Course recorded = course(gpu, true, recipe, -1, sizes);
        assertThat(plain.graphs).containsOnly(0);
        assertThat(recorded.graphs).containsExactly(0, 3, 3, 0, 0, 3);
        recorded.assertSame(plain);
    }
}
