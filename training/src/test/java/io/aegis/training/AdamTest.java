package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Init;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.StoredTensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Counts of updates, and steps that are launched from a recording. */
class AdamTest {
    private static final int SIZE = 37;

    /** Three parameters, their moments, and a gradient that changes before each step. */
    private static final class Student implements AutoCloseable {
        final Parameters parameters = new Parameters();
        final List<Parameter> all = new ArrayList<>();
        final Arena arena = Arena.ofShared();
        final View gradient = View.allocate(arena, DType.F32, SIZE);
        final Kernels kernels;
        final Adam adam;

        Student(Kernels kernels, Adam.Constants constants) {
            this.kernels = kernels;
            for (String name : List.of("a", "b", "c")) {
                all.add(parameters.weight(name, new Init.Normal(1), SIZE));
            }
            parameters.initialize(DType.F32, 3);
            adam = new Adam(all, constants);
        }

        void gradient(int seed) {
            for (int i = 0; i < SIZE; i++) {
                gradient.setAt(i, Math.sin(seed + 0.3 * i));
            }
        }

        void update(int... which) {
            try (Scope scope = Scope.open(kernels)) {
                Arrays.stream(which).forEach(i -> adam.update(all.get(i), Tensor.wrap(gradient, false)));
            }
        }

        /** Weights, moments and counts. */
        List<double[]> state() {
            List<double[]> out = new ArrayList<>();
            all.forEach(p -> out.add(p.view().toDoubles()));
            for (StoredTensor t : adam.tensors(arena)) {
                out.add(View.of(
                                io.aegis.kernels.Buffer.host(t.bytes()),
                                t.info().dtype().dtype().orElseThrow(),
                                t.info().shape())
                        .toDoubles());
            }
            return out;
        }

        @Override
        public void close() {
            adam.close();
            gradient.buffer().discardMirror();
            parameters.close();
            arena.close();
        }
    }

    /** Parameters that were left out once are a step behind the others, in what is eager and in what is launched again. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatIsLaunchedAgainHasTheBitsOfWhatIsLaunchedOnce(boolean decoupled) throws Exception {
        Adam.Constants constants = new Adam.Constants(0.9, 0.99, 1e-8, 0.1, decoupled);
        Kernels gpu;
        try {
            gpu = CudaBackend.emulator(Precision.F32);
        } catch (CudaException e) {
            Assumptions.abort(e.getMessage());
            return;
        }
        try (AutoCloseable _ = (AutoCloseable) gpu;
                Student eager = new Student(gpu, constants);
                Student recorded = new Student(gpu, constants)) {
            for (Student s : List.of(eager, recorded)) {
                s.gradient(0);
                s.adam.begin(1e-2);
                s.update(0, 1, 2);
                s.gradient(1);
                s.adam.begin(2e-2);
                s.update(0, 2);
            }
            List<Parameter> two = List.of(recorded.all.get(1), recorded.all.get(2));
            Recording recording = null;
            for (int step = 2; step < 6; step++) {
                double rate = 1e-2 * step;
                eager.gradient(step);
                eager.adam.begin(rate);
                eager.update(1, 2);
                recorded.gradient(step);
                recorded.adam.begin(p -> rate, two);
                if (recording == null) {
                    recording = gpu.record(() -> recorded.update(1, 2));
                }
                assertThat(CudaBackend.launched(gpu, recording::launch)).containsExactly("graph");
                assertThat(recorded.adam.updated()).isEqualTo(two);
            }
            recording.close();
            assertThat(recorded.state()).usingRecursiveComparison().isEqualTo(eager.state());
        }
    }

    /** What a step leaves alone is neither changed nor counted, foretold or not, and goes on later as if nothing had been. */
    @Test
    void whatIsIdleStandsStill() {
        try (Student s = new Student(Backends.scalar(), Adam.Constants.DADM);
                Student without = new Student(Backends.scalar(), Adam.Constants.DADM)) {
            for (int step = 0; step < 3; step++) {
                for (Student each : List.of(s, without)) {
                    each.gradient(step);
                }
                boolean idle = step == 1;
                List<Parameter> left = idle ? List.of(s.all.get(1), s.all.get(2)) : List.of();
                s.adam.begin(p -> 1e-2, List.of(s.all.get(2)), left);
                s.update(0, 1, 2);
                without.adam.begin(1e-2);
                if (idle) {
                    without.update(0);
                    assertThat(s.adam.updated()).containsExactly(s.all.get(0));
                } else {
                    without.update(0, 1, 2);
                }
            }
            assertThat(s.state()).usingRecursiveComparison().isEqualTo(without.state());
        }
    }

    @Test
    void aParameterHasOneUpdateAStep() {
        try (Student s = new Student(Backends.scalar(), Adam.Constants.DADM)) {
            assertThatThrownBy(() -> s.update(1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("b is updated before a step has begun");
            s.adam.begin(1e-3);
            s.update(1);
            assertThatThrownBy(() -> s.update(1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("b was updated in this step");
            assertThat(s.adam.updated()).containsExactly(s.all.get(1));
            s.adam.begin(p -> 1e-3, List.of(s.all.get(0)));
            s.update(0, 1);
            assertThat(s.adam.updated()).containsExactly(s.all.get(0), s.all.get(1));
            List<double[]> counts =
                    s.state().stream().filter(v -> v.length == 1).toList();
            assertThat(counts.stream().map(v -> v[0]).toList()).containsExactly(1.0, 2.0, 0.0);
        }
    }
}
