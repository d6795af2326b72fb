package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.GradientSums;
import io.aegis.training.HalfOperands;
import io.aegis.training.LossScale;
import io.aegis.weights.StoredTensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps of a tiny DADM with scaled losses beside the same without, or with another scale. */
class DadmScaleTest {
    private static final int BATCH = 6;

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    private static final class Student implements AutoCloseable {
        final Parameters parameters = new Parameters();
        final Optional<LossScale> scale;
        final DadmStep step;
        private final Adam adam;
        private final Retry retry;
        final List<DadmStep.Report> reports = new ArrayList<>();
        private final DadmConfig config;
        private final int rows;
        private long steps;

        Student(Kernels kernels, DadmConfig config, int rows, String recipe, LossScale scale) {
            Backends.choose(kernels);
            this.config = config;
            this.rows = rows;
            this.scale = Optional.ofNullable(scale);
            DadmNetwork network = new DadmNetwork(parameters, config, DadmNetwork.Trunk.TRAINED);
            parameters.initialize(DType.F32, 3);
            adam = new Adam(parameters.trainable(), Adam.Constants.DADM);
            retry = new Retry(parameters);
            step = new DadmStep(network, parameters, Recipe.named(recipe), adam, 1, this.scale, retry);
        }

        Student(Kernels kernels, LossScale scale) {
            this(kernels, TinyFaces.CONFIG, BATCH, "intended", scale);
        }

        Student from(Prototypes known) {
            step.restore(known);
            return this;
        }

        /** Momentum begins with the second batch. */
        private long epoch() {
            return step.prototypes() == null ? 0 : 1;
        }

        /** An update of so many micro-batches. */
        Student update(int parts) {
            try (GradientSums sums = new GradientSums()) {
                update(parts, sums);
            }
            return this;
        }

        private void update(int parts, GradientSums sums) {
            long first = steps;
            DadmStep.Report report = null;
            while (report == null) {
                steps = first;
                for (int i = 0; i < parts; i++) {
                    try (Scope scope = Scope.open()) {
                        Batch batch = batch(config, rows - i, steps);
                        long epoch = epoch();
                        report = i + 1 < parts
                                ? step.accumulate(batch, epoch, steps, sums)
                                : step.runAccumulated(batch, epoch, steps, 1e-3, sums);
                        steps++;
                    }
                }
            }
            assertThat(sums.isEmpty()).isTrue();
            assertThat(sums.sums()).isEmpty();
            reports.add(report);
        }

        /** An update of one batch, by the method for that. */
        Student run() {
            try (Scope scope = Scope.open()) {
                reports.add(step.run(batch(config, rows, steps), epoch(), steps, 1e-3));
                steps++;
            }
            return this;
        }

        double factor() {
            return scale.orElseThrow().factor();
        }

        /** All that a step changes; zeros of either sign are one. */
        Map<String, double[]> state() {
            Map<String, double[]> out = new TreeMap<>();
            try (Arena arena = Arena.ofShared()) {
                List<StoredTensor> all = new ArrayList<>(adam.tensors(arena));
                all.forEach(t -> out.put(
                        t.info().name(),
                        View.of(
                                        io.aegis.kernels.Buffer.host(t.bytes()),
                                        t.info().dtype().dtype().orElseThrow(),
                                        t.info().shape())
                                .toDoubles()));
            }
            parameters.all().forEach(p -> out.put(p.name(), p.view().toDoubles()));
            Prototypes known = step.prototypes();
            for (int k = 0; known != null && k < 3; k++) {
                out.put("prototypes/" + k, known.values(k));
            }
            out.values().forEach(v -> Arrays.setAll(v, i -> v[i] + 0.0));
            return out;
        }

        void assertSame(Student other) {
            assertSame(other.state());
            assertThat(reports).hasSameSizeAs(other.reports);
            for (int i = 0; i < reports.size(); i++) {
                DadmStep.Report ours = reports.get(i);
                DadmStep.Report theirs = other.reports.get(i);
                assertThat(ours.total()).isEqualTo(theirs.total());
                assertThat(ours.modal()).isEqualTo(theirs.modal());
                assertThat(ours.information()).isEqualTo(theirs.information());
                assertThat(ours.agreement()).isEqualTo(theirs.agreement());
            }
        }

        void assertSame(Map<String, double[]> other) {
            Map<String, double[]> ours = state();
            assertThat(ours.keySet()).isEqualTo(other.keySet());
            ours.forEach((name, v) -> assertThat(v).as(name).isEqualTo(other.get(name)));
        }

        @Override
        public void close() {
            step.close();
            adam.close();
            retry.close();
            parameters.close();
        }
    }

    /** Waves, in all domains. */
    private static Batch batch(DadmConfig config, int rows, long step) {
        Tensor[] pictures = new Tensor[3];
        int side = config.image();
        for (int k = 0; k < 3; k++) {
            pictures[k] = Tensor.empty(DType.F32, rows, 3, side, side);
            View v = pictures[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, Math.sin((0.37 + 0.01 * (i / (3 * side * side))) * i + k + 5 * step));
            }
        }
        long[] live = new long[rows];
        long[] prototype = new long[rows];
        long[] domain = new long[rows];
        Arrays.setAll(live, i -> 1 - i % 2);
        Arrays.setAll(prototype, i -> 1 - i % 2);
        Arrays.setAll(domain, i -> i / 2 % 3);
        long[] samples = new long[rows];
        Arrays.setAll(samples, i -> i);
        return new Batch(pictures, null, new Labels(live, prototype, domain), Tensor.of(samples, rows));
    }

    /** ReGrad's projections and batch norm's statistics among it: what four scaled losses give is undone before anything is done with it. */
    @ParameterizedTest
    @ValueSource(doubles = {65536, 0x1p40})
    void noBitDependsOnTheScaleWhereNothingIsRounded(double factor) {
        try (Student plain = new Student(Backends.best(), null).run().update(2);
                Student scaled = new Student(Backends.best(), new LossScale(factor, 2000))
                        .run()
                        .update(2)) {
            scaled.assertSame(plain);
            assertThat(scaled.scale.orElseThrow().changes()).isEmpty();
        }
    }

    /** Positions are added to a batch of one as they are, so that one gradient is both's until ReGrad writes into that of the positions. */
    @Test
    void aBatchOfOneSample() {
        try (Student plain = new Student(Backends.best(), TinyFaces.CONFIG, 1, "intended", null)
                        .run()
                        .run();
                Student scaled = new Student(Backends.best(), TinyFaces.CONFIG, 1, "intended", new LossScale(65536, 9))
                        .run()
                        .run()) {
            scaled.assertSame(plain);
        }
    }

    @Test
    void aScaleThatGrowsChangesNothingElse() {
        try (Student plain = new Student(Backends.best(), null).run().run().update(1);
                Student scaled = new Student(Backends.best(), new LossScale(2, 2))
                        .run()
                        .run()
                        .update(1)) {
            scaled.assertSame(plain);
            assertThat(scaled.scale.orElseThrow().changes()).containsExactly(new LossScale.Change(2, 2, 4));
        }
    }

    /** With prototypes that have momentum, so that a batch that was looked at twice would show. */
    @ParameterizedTest
    @CsvSource({"1, 24", "3, 20"})
    void anUpdateThatOverflowsIsThatOfAScaleThatHolds(int parts, int exponent) {
        Prototypes known;
        try (Student other = new Student(Backends.best(), null).run().run()) {
            known = other.step.prototypes();
        }
        Kernels half = new HalfOperands(1);
        LossScale high = new LossScale(Math.scalb(1.0, exponent), 2000);
        try (Student halved = new Student(half, high).from(known).update(parts)) {
            int times = high.changes().size();
            assertThat(times).isBetween(3, 30);
            assertThat(high.factor()).isEqualTo(Math.scalb(1.0, exponent - times));
            assertThat(high.changes()).extracting(LossScale.Change::step).containsOnly((long) parts);
            LossScale holds = new LossScale(high.factor(), 2000);
            try (Student began = new Student(half, holds).from(known).update(parts)) {
                assertThat(holds.changes()).isEmpty();
                halved.assertSame(began);
            }
        }
    }

    /** Gradients of a batch, by parameter. */
    private static Map<String, double[]> gradients(Kernels kernels, LossScale scale) {
        Map<String, double[]> out = new TreeMap<>();
        try (Student s = new Student(kernels, scale);
                GradientSums sums = new GradientSums();
                Scope scope = Scope.open()) {
            s.step.accumulate(batch(TinyFaces.CONFIG, BATCH, 0), 0, 0, sums);
            sums.sums().forEach((p, g) -> out.put(p.name(), g.toDoubles()));
        }
        return out;
    }

    private static double length(double[] x) {
        return Math.sqrt(Arrays.stream(x).map(v -> v * v).sum());
    }

    private static double error(double[] x, double[] exact) {
        double[] difference = new double[x.length];
        Arrays.setAll(difference, i -> x[i] - exact[i]);
        return length(difference) / length(exact);
    }

    /** Half precision whose numbers end 64 times as high: below 2^-19 all is 0, as below 2^-25 otherwise. */
    @Test
    void smallGradientsArriveWhereTheyAreScaled() {
        Kernels half = new HalfOperands(0x1p-6);
        Map<String, double[]> exact = gradients(Backends.best(), null);
        Map<String, double[]> lost = gradients(half, null);
        Map<String, double[]> scaled = gradients(half, new LossScale(65536, 2000));
        // A bias before a batch norm has no gradient but rounding.
        exact.values().removeIf(g -> length(g) < 1e-8);
        int without = 0;
        double sum = 0;
        for (Map.Entry<String, double[]> g : exact.entrySet()) {
            String name = g.getKey();
            without += error(lost.get(name), g.getValue()) > 0.9 ? 1 : 0;
            double error = error(scaled.get(name), g.getValue());
            assertThat(error).as(name).isLessThan(0.1);
            sum += error;
        }
        assertThat(sum / exact.size()).isLessThan(0.02);
        assertThat(without).as("gradients that are lost without, of 161").isGreaterThan(40);
    }

    @Test
    void aLossThatIsNoneIsToldAtOnce() {
        try (Student s = new Student(new HalfOperands(1), new LossScale(65536, 2000));
                Scope scope = Scope.open()) {
            Batch batch = batch(TinyFaces.CONFIG, BATCH, 0);
            batch.pictures()[1].view().setAt(5, Double.NaN);
            assertThatThrownBy(() -> s.step.run(batch, 0, 0, 1e-3))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessageStartingWith("loss of modality ")
                    .hasMessageEndingWith(" is NaN at step 0");
            assertThat(s.factor()).isEqualTo(65536);
            assertThat(s.scale.orElseThrow().changes()).isEmpty();
        }
    }

    /** The published recipe's gradient is NaN where a feature equals its prototype, as it does in a class of one sample. */
    @Test
    void aGradientThatIsNoneWithoutAScaleIsToldAndChangesNothing() {
        try (Student s = new Student(Backends.best(), TinyFaces.CONFIG, BATCH, "official", new LossScale(16, 2000))
                        .run();
                Scope scope = Scope.open()) {
            // Features that are the same constants in every pass, whatever rounds on the way.
            String last = "ViT_Encoder." + (TinyFaces.CONFIG.layers() + 1);
            View weight = s.parameters.get(last + ".weight").view();
            View bias = s.parameters.get(last + ".bias").view();
            for (int d = 0; d < bias.elements(); d++) {
                weight.set(0, d);
                bias.set(0.5 + d, d);
            }
            Map<String, double[]> before = s.state();
            assertThatThrownBy(() -> s.step.run(batch(TinyFaces.CONFIG, 1, 1), 0, 1, 1e-3))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessageEndingWith(" is infinite or NaN even with a loss scale of 1");
            s.assertSame(before);
            assertThat(s.factor()).isEqualTo(1);
        }
    }

    /** A GPU's kernels: copies of statistics that go back, sums of squares of many gradients at once. */
    @Test
    void aGpuComputesAnUpdateAgainAsWell() throws Exception {
        Kernels gpu;
        try {
            gpu = CudaBackend.emulator(Precision.F16);
        } catch (CudaException e) {
            Assumptions.abort(e.getMessage());
            return;
        }
        DadmConfig small = new DadmConfig(8, 1, 1, 2, 4, 16, 4, 2, 5);
        double holds;
        try (Student cpu = new Student(new HalfOperands(1), small, 2, "intended", new LossScale(0x1p24, 2000)).run()) {
            holds = cpu.factor();
        }
        try (AutoCloseable _ = (AutoCloseable) gpu) {
            try (Student halved = new Student(gpu, small, 2, "intended", new LossScale(2 * holds, 2000)).run();
                    Student began =
                            new Student(gpu, small, 2, "intended", new LossScale(halved.factor(), 2000)).run()) {
                assertThat(halved.scale.orElseThrow().changes())
                        .as("from %s on", 2 * holds)
                        .isNotEmpty();
                assertThat(began.scale.orElseThrow().changes()).isEmpty();
                halved.assertSame(began);
            }
        }
    }
}
