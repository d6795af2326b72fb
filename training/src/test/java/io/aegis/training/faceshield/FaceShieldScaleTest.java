package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Init;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.HalfOperands;
import io.aegis.training.Lanes;
import io.aegis.training.LossScale;
import io.aegis.weights.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Steps of two lanes over a small layer whose gradients are as small, or as large, as a test wants them. */
class FaceShieldScaleTest {
    private static final int WIDTH = 5;
    private static final int LESSONS = 4;
    private static final FaceShieldTrainingOptions.Fit FIT =
            FaceShieldTrainingOptions.of(Stage.FULL, Path.of("run")).fit();

    /** Small enough for half precision to lose all gradients. */
    private static final double FLAT = 1e-8;

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    private static final class Layer implements AutoCloseable {
        final Parameters parameters = new Parameters();
        final Parameter weight = parameters.weight("w", new Init.Normal(0.5), WIDTH, WIDTH);
        final Parameter bias = parameters.weight("b", new Init.Normal(0.5), WIDTH);
        final AtomicInteger calls = new AtomicInteger();
        final List<FaceShieldStep.Report> reports = new ArrayList<>();
        final Optional<LossScale> scale;
        private final UnaryOperator<Tensor> behind;
        private final Adam adam;

        Layer(Kernels kernels, Optional<LossScale> scale, UnaryOperator<Tensor> behind) {
            Backends.choose(kernels);
            parameters.initialize(DType.F32, 1);
            adam = new Adam(parameters.trainable(), Adam.Constants.decoupled(0.99, 0.05));
            this.scale = scale;
            this.behind = behind;
        }

        private Tensor loss(Lesson lesson, long update) {
            calls.incrementAndGet();
            double[] x = new double[2 * WIDTH];
            Arrays.setAll(x, i -> Math.sin(1 + i + 7 * lesson.source().number() + 31 * update));
            Tensor hidden = Ops.linear(Tensor.of(DType.F32, x, 2, WIDTH), weight.tensor(), bias.tensor());
            return behind.apply(Ops.total(Ops.linear(hidden.times(hidden), weight.tensor(), null)));
        }

        Layer learn(int updates) {
            try (Lanes lanes = new Lanes(2);
                    FaceShieldStep step =
                            new FaceShieldStep(this::loss, parameters.trainable(), adam, scale, lanes, FIT)) {
                for (int update = 0; update < updates; update++) {
                    reports.add(step.run(lessons(), update, p -> 1e-2));
                }
            }
            return this;
        }

        private static List<Lesson> lessons() {
            Lesson[] lessons = new Lesson[LESSONS];
            Arrays.setAll(lessons, i -> {
                Instruction source = new Instruction("q" + i, i, i + ".png", Path.of("p"), "", "", Truth.NONE);
                return new Lesson(source, new long[3 + i], new long[0], 2);
            });
            return List.of(lessons);
        }

        double norm() {
            return reports.getFirst().norm();
        }

        double factor() {
            return scale.orElseThrow().factor();
        }

        /** Weights and Adam's moments and steps, as bytes. */
        Map<String, byte[]> state() {
            Map<String, byte[]> out = new TreeMap<>();
            try (Arena arena = Arena.ofShared()) {
                List<StoredTensor> all = new ArrayList<>(adam.tensors(arena));
                parameters.all().forEach(p -> all.add(StoredTensor.of(p.name(), p.view(), arena)));
                all.forEach(t -> out.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
            }
            return out;
        }

        void assertSame(Layer other) {
            assertThat(reports).isEqualTo(other.reports);
            Map<String, byte[]> theirs = other.state();
            Map<String, byte[]> ours = state();
            assertThat(ours.keySet()).isEqualTo(theirs.keySet());
            ours.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(theirs.get(name)));
        }

        @Override
        public void close() {
            adam.close();
            parameters.close();
        }
    }

    private static Layer layer(Kernels kernels, double slope, LossScale scale) {
        return new Layer(kernels, Optional.ofNullable(scale), loss -> loss.times(slope));
    }

    @Test
    void smallGradientsArriveWhereTheyAreScaled() {
        Kernels half = new HalfOperands(1);
        try (Layer exact = layer(Backends.best(), FLAT, null).learn(1);
                Layer lost = layer(half, FLAT, null).learn(1);
                Layer scaled = layer(half, FLAT, new LossScale(65536, 2000)).learn(1)) {
            assertThat(exact.norm()).isGreaterThan(1e-9);
            assertThat(lost.norm()).as("what happens without").isZero();
            // Operands are rounded to 11 bits, or by 2^-25 where they are below 2^-14 after scaling: three products
            // deep.
            assertThat(scaled.norm()).isCloseTo(exact.norm(), offset(0.01 * exact.norm()));
            assertThat(scaled.factor()).isEqualTo(65536);
        }
    }

    /** Nothing on the way back depends on how long a gradient is, clipping and Adam see what they would see without. */
    @Test
    void noBitDependsOnTheScaleWhereNothingIsRounded() {
        for (double slope : new double[] {1e-4, 3}) {
            try (Layer plain = layer(Backends.best(), slope, null).learn(3)) {
                for (double factor : new double[] {1, 65536, 0x1p40}) {
                    try (Layer scaled = layer(Backends.best(), slope, new LossScale(factor, 2000))
                            .learn(3)) {
                        scaled.assertSame(plain);
                        assertThat(scaled.scale.orElseThrow().changes()).isEmpty();
                    }
                }
                try (Layer growing =
                        layer(Backends.best(), slope, new LossScale(4, 1)).learn(3)) {
                    growing.assertSame(plain);
                    assertThat(growing.factor()).isEqualTo(32);
                }
            }
        }
    }

    @Test
    void anUpdateThatOverflowsIsThatOfAScaleThatHolds() {
        Kernels half = new HalfOperands(1);
        try (Layer halved = layer(half, 1, new LossScale(0x1p40, 2000)).learn(3)) {
            int times = halved.scale.orElseThrow().changes().size();
            assertThat(times).isBetween(15, 40);
            assertThat(halved.factor()).isEqualTo(Math.scalb(1.0, 40 - times));
            assertThat(halved.scale.orElseThrow().changes())
                    .extracting(LossScale.Change::step)
                    .containsOnly(1L);
            assertThat(halved.calls).hasValue((3 + times) * LESSONS);
            try (Layer began =
                            layer(half, 1, new LossScale(halved.factor(), 2000)).learn(3);
                    Layer early = layer(half, 1, new LossScale(2 * halved.factor(), 2000))
                            .learn(1)) {
                assertThat(began.scale.orElseThrow().changes()).isEmpty();
                halved.assertSame(began);
                assertThat(early.factor()).as("twice as much overflows").isEqualTo(halved.factor());
            }
        }
    }

    @Test
    void aLossThatIsNoneIsToldAtOnce() {
        LossScale scale = new LossScale(65536, 2000);
        try (Layer layer = new Layer(new HalfOperands(1), Optional.of(scale), loss -> loss.times(Double.NaN))) {
            Map<String, byte[]> before = layer.state();
            assertThatThrownBy(() -> layer.learn(1))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessage("the loss of q0, 0.png is NaN");
            assertThat(layer.calls).hasValue(LESSONS);
            assertThat(scale.factor()).isEqualTo(65536);
            layer.state().forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(before.get(name)));
        }
    }

    /** The gradient of a distance is none where it is 0. */
    @Test
    void aGradientThatIsNoneWithoutAScaleIsTold() {
        LossScale scale = new LossScale(65536, 2000);
        Parameter[] weight = new Parameter[1];
        UnaryOperator<Tensor> behind = loss -> {
            Tensor w = weight[0].tensor();
            Tensor same = Tensor.copyOf(w.view(), DType.F32);
            return loss.plus(Ops.total(Ops.negativeDistance(w, same, false)));
        };
        try (Layer layer = new Layer(Backends.best(), Optional.of(scale), behind)) {
            weight[0] = layer.weight;
            Map<String, byte[]> before = layer.state();
            assertThatThrownBy(() -> layer.learn(1))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessage("the gradient of w is infinite or NaN even with a loss scale of 1");
            assertThat(layer.calls).hasValue(17 * LESSONS);
            layer.state().forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(before.get(name)));
        }
    }

    /** The kernels of a GPU round by their own means, and sum up squares of many gradients at once. */
    @Test
    void aGpuDoesTheSame() throws Exception {
        Kernels gpu;
        try {
            gpu = CudaBackend.emulator(Precision.F16);
        } catch (CudaException e) {
            Assumptions.abort(e.getMessage());
            return;
        }
        try (AutoCloseable _ = (AutoCloseable) gpu) {
            try (Layer exact = layer(Backends.best(), FLAT, null).learn(1);
                    Layer lost = layer(gpu, FLAT, null).learn(1);
                    Layer scaled = layer(gpu, FLAT, LossScale.of(gpu.operands()).orElseThrow())
                            .learn(1)) {
                assertThat(lost.norm()).as("what happens without").isZero();
                assertThat(scaled.norm()).isCloseTo(exact.norm(), offset(0.01 * exact.norm()));
            }
            try (Layer halved = layer(gpu, 1, new LossScale(0x1p24, 2000)).learn(2);
                    Layer began =
                            layer(gpu, 1, new LossScale(halved.factor(), 2000)).learn(2)) {
                assertThat(halved.scale.orElseThrow().changes()).isNotEmpty();
                assertThat(began.scale.orElseThrow().changes()).isEmpty();
                halved.assertSame(began);
            }
        }
    }
}
