package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.Optimizer.Correction;
import io.aegis.kernels.Recording;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CudaOptimizerTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 64, 65, 1027})
    void adam(int n) {
        View g = random(2, n);
        View second = squared(random(4, n));
        for (boolean decoupled : new boolean[] {false, true}) {
            for (long step : new long[] {1, 2, 1000}) {
                Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, decoupled);
                View now = AdamStep.of(c, 1e-3, step).in(Arena.ofAuto());
                compare("adam", to(random(1, n), random(3, n), second), (k, d) -> k.optimizer()
                        .adam(d[0], g, d[1], d[2], c, now));
            }
        }
    }

    private static View squared(View x) {
        Backends.scalar().elementwise().binary(Elementwise.Binary.MULTIPLY, x, x, x);
        return x;
    }

    /** In float32, from constants that are rounded once, wherever they lie: a run that goes on has these bits. */
    @Test
    void adamToTheBit() {
        int n = 65;
        for (boolean decoupled : new boolean[] {false, true}) {
            View p = random(1, n);
            View g = random(2, n);
            View m = random(3, n);
            View v = squared(random(4, n));
            float[] expected = new float[n];
            for (int i = 0; i < n; i++) {
                float w = (float) p.getAt(i);
                float d = (float) g.getAt(i);
                if (decoupled) {
                    w -= (float) (1e-3 * 5e-2) * w;
                } else {
                    d += 5e-2f * w;
                }
                float first = 0.9f * (float) m.getAt(i) + (float) (1 - 0.9) * d;
                float second = 0.999f * (float) v.getAt(i) + (float) (1 - 0.999) * d * d;
                float rate = (float) (1e-3 / (1 - Math.pow(0.9, 3)));
                float root = (float) Math.sqrt(second * (float) (1 / (1 - Math.pow(0.999, 3))));
                expected[i] = w - rate * first / (root + 1e-8f);
            }
            Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, decoupled);
            View now = AdamStep.of(c, 1e-3, 3).in(Arena.ofAuto());
            CudaTwin.kernels(Precision.F32).optimizer().adam(p, g, m, v, c, now);
            for (int i = 0; i < n; i++) {
                assertThat((float) p.getAt(i)).as("element %s", i).isEqualTo(expected[i]);
            }
        }
    }

    @Test
    void adamOfAnyLayout() {
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, true);
        View now = AdamStep.of(c, 1e-3, 3).in(Arena.ofAuto());
        View g = TestViews.strided(2, DType.F32, 6, 7);
        View second = squared(TestViews.strided(4, DType.F32, 6, 7));
        compare("strided", to(TestViews.strided(1, DType.F32, 6, 7), random(3, 6, 7), second), (k, d) -> k.optimizer()
                .adam(d[0], g, d[1], d[2], c, now));
    }

    /** The squares are float32's own products in double: only their sum is rounded, to 53 bits. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 9000})
    void squares(int n) {
        for (View x : to(
                random(1, n),
                TestViews.strided(1, DType.F32, 1, n),
                random(1, n, 2).select(1, 0))) {
            double exact = Backends.scalar().optimizer().squares(x);
            assertThat(CudaTwin.kernels(Precision.F32).optimizer().squares(x)).isCloseTo(exact, within(1e-13 * exact));
        }
    }

    @Test
    void squaresOfMany() {
        List<View> all = List.of(random(1, 3000), random(2, 0), TestViews.random(3, DType.F64, 7), random(4, 5, 5));
        double exact = Backends.scalar().optimizer().squares(all);
        assertThat(CudaTwin.kernels(Precision.F32).optimizer().squares(all)).isCloseTo(exact, within(1e-13 * exact));
        assertThat(CudaTwin.kernels(Precision.F32).optimizer().squares(List.of()))
                .isZero();
    }

    /** Small ones, some of them not aligned, beside each other: more than one launch holds. Each has its bits whatever is beside it. */
    @Test
    void adamOfSeveral() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, true);
        List<Optimizer.Update> alone = new ArrayList<>();
        List<Optimizer.Update> together = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            int n = i % 5 == 4 ? 0 : 1 + i * i % 1500;
            View g = i % 3 == 0 ? random(i, n + 1).slice(0, 1, n + 1) : random(i, n);
            View[] state = to(random(i + 1, n), random(i + 2, n), squared(random(i + 3, n)));
            View now = AdamStep.of(c, 1e-3, 1 + i % 2).in(Arena.ofAuto());
            Optimizer.Adam own = i % 7 == 0 ? new Optimizer.Adam(0.9, 0.999, 1e-8, 0, true) : c;
            Optimizer.Adam used = i > 140 ? new Optimizer.Adam(0.8, 0.999, 1e-8, 5e-2, false) : own;
            alone.add(new Optimizer.Update(state[0], g, state[1], state[2], used, now));
            View[] copies = TestViews.copies(state);
            together.add(new Optimizer.Update(copies[0], g, copies[1], copies[2], used, now));
        }
        alone.forEach(
                u -> k.optimizer().adam(u.parameter(), u.gradient(), u.first(), u.second(), u.constants(), u.step()));
        assertThat(CudaBackend.launches(k, () -> k.optimizer().adam(together)))
                .as("120 that have elements, 112 of them with the same constants")
                .isEqualTo(Map.of("adam_several", 3));
        for (int i = 0; i < alone.size(); i++) {
            assertThat(together.get(i).parameter().toDoubles())
                    .as("parameter %s", i)
                    .isEqualTo(alone.get(i).parameter().toDoubles());
            assertThat(together.get(i).second().toDoubles())
                    .isEqualTo(alone.get(i).second().toDoubles());
        }
    }

    /** A step that does not apply changes nothing, in both kernels and at any content of the gradient. */
    @Test
    void aStepThatDoesNotApply() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, false);
        View idle = AdamStep.of(c, 1e-3, 2).idle().in(Arena.ofAuto());
        View[] state = to(random(1, 65), random(2, 65), squared(random(3, 65)));
        compare("idle", state, (kernels, d) -> kernels.optimizer().adam(d[0], garbage(65), d[1], d[2], c, idle));
        View[] got = TestViews.copies(state);
        k.optimizer().adam(List.of(new Optimizer.Update(got[0], garbage(65), got[1], got[2], c, idle)));
        for (int i = 0; i < 3; i++) {
            assertThat(got[i].toDoubles()).isEqualTo(state[i].toDoubles());
        }
    }

    /** What is guarded by losses is decided where they are. */
    @Test
    void guard() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        View steps = TestViews.random(1, DType.F64, 70, AdamStep.SIZE);
        View values = TestViews.of(DType.F32, new long[] {4}, 1, -3e38, 0, 2);
        View guarded = TestViews.garbage(DType.F64, 70, AdamStep.SIZE);
        Runnable work = () -> k.optimizer().guard(values, steps, guarded);
        work.run();
        assertThat(guarded.toDoubles()).isEqualTo(steps.toDoubles());
        Recording recording = k.record(work);
        for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            values.set(bad, 3);
            recording.launch();
            for (int i = 0; i < 70; i++) {
                for (int j = 0; j < AdamStep.SIZE; j++) {
                    double expected = j == AdamStep.APPLIES ? 0 : steps.get(i, j);
                    assertThat(guarded.get(i, j)).isEqualTo(expected);
                }
            }
            compare("guard", Precision.F32, 0, to(guarded), (kernels, d) -> kernels.optimizer()
                    .guard(values, steps, d[0]));
        }
        values.set(0, 3);
        recording.launch();
        assertThat(guarded.toDoubles()).isEqualTo(steps.toDoubles());
        recording.close();
    }

    private static final View SLOW = TestViews.of(DType.F64, new long[] {3}, 0.6, 0.3, 0.2);
    private static final View FAST = TestViews.of(DType.F64, new long[] {3}, 0.3, 0.2, 0.6);

    /** What agrees with the owner's and what does not; null, apart in memory, not aligned, another layout. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 13, 65, 577, 9000})
    void regrad(int n) {
        View own = random(1, n);
        View along = random(3, n);
        Backends.scalar().elementwise().addScaled(own, 2, along);
        View against = random(4, n);
        Backends.scalar().elementwise().addScaled(own, -2, against);
        View apart = random(5, n, 2).select(1, 0);
        View odd = random(6, n + 1).slice(0, 1, n + 1);
        View[][] all = {
            {own, along, against},
            {along, own, along},
            {own, against, along},
            {own, against, null},
            {null, along, against},
            {own, null, along},
            {null, null, own},
            {own, null, null},
            {own, apart, along},
            {odd, along, against}
        };
        for (View mu : List.of(SLOW, FAST)) {
            for (int i = 0; i < (n > 5000 ? 3 : all.length); i++) {
                View[] g = all[i];
                int owner = i % 3;
                compare("regrad", to(random(7, n)), (k, d) -> k.optimizer()
                        .regrad(List.of(new Correction(d[0], d[0], g[0], g[1], g[2], owner)), mu));
                compare("alone", to(garbage(n)), (k, d) -> k.optimizer()
                        .regrad(List.of(new Correction(d[0], null, g[0], g[1], g[2], 0)), mu));
                compare("apart", to(TestViews.garbage(DType.F32, n, 2).select(1, 1)), (k, d) -> k.optimizer()
                        .regrad(List.of(new Correction(d[0], own, g[0], g[1], g[2], 0)), mu));
            }
        }
    }

    /** Two launches for as many as one holds; a parameter's bits are its own. */
    @Test
    void regradOfSeveral() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        List<Correction> alone = new ArrayList<>();
        List<Correction> together = new ArrayList<>();
        for (int i = 0; i < 130; i++) {
            int n = i == 77 ? 9000 : i % 5 == 4 ? 0 : 1 + i * i % 700;
            View own = random(i, n);
            View first = i % 3 == 0 ? null : random(i + 1, n);
            View second = random(i + 2, n);
            View total = random(i + 3, n);
            View a = garbage(n);
            View b = garbage(n);
            alone.add(new Correction(a, total, own, first, second, i % 3));
            together.add(new Correction(b, total, own, first, second, i % 3));
        }
        for (View mu : List.of(SLOW, FAST)) {
            alone.forEach(c -> k.optimizer().regrad(List.of(c), mu));
            assertThat(CudaBackend.launches(k, () -> k.optimizer().regrad(together, mu)))
                    .as("104 that have elements")
                    .isEqualTo(Map.of("regrad_sums", 2, "regrad", 2));
            for (int i = 0; i < alone.size(); i++) {
                assertThat(together.get(i).out().toDoubles())
                        .as("parameter %s", i)
                        .isEqualTo(alone.get(i).out().toDoubles());
            }
        }
    }

    /** Many blocks, each of several steps; their sums in one order. */
    @Test
    void regradOfManyBlocks() {
        int n = (1 << 20) + 4099;
        View own = random(1, n);
        View first = random(2, n);
        compare("large", to(garbage(n)), (k, d) -> k.optimizer()
                .regrad(List.of(new Correction(d[0], null, own, first, own, 0)), SLOW));
    }

    @Test
    void regradInAnyOrder() {
        for (double mu : new double[] {0.6, 0.1}) {
            CudaTwin.sameInAnyOrder(garbage(9000), (k, d) -> k.optimizer()
                    .regrad(
                            List.of(new Correction(d, null, random(1, 9000), random(2, 9000), null, 0)),
                            TestViews.of(DType.F64, new long[] {3}, mu, 0.3, 0.2)));
        }
    }

    /** A recorded correction takes the case of the information that is there when it is launched. */
    @Test
    void regradIsDecidedOnTheDevice() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        View mu = TestViews.of(DType.F64, new long[] {3}, 0.6, 0.3, 0.2);
        View out = garbage(300);
        Correction c = new Correction(out, null, random(1, 300), random(2, 300), random(3, 300), 0);
        Runnable work = () -> k.optimizer().regrad(List.of(c), mu);
        work.run();
        Recording recording = k.record(work);
        for (double other : new double[] {0.9, 0.1}) {
            mu.set(other, 1);
            recording.launch();
            double[] launched = out.toDoubles();
            work.run();
            assertThat(out.toDoubles()).isEqualTo(launched);
            View exact = garbage(300);
            Correction plain = new Correction(exact, null, c.own(), c.first(), c.second(), 0);
            Backends.scalar().optimizer().regrad(List.of(plain), mu);
            assertThat(launched).containsExactly(exact.toDoubles(), within(1e-4));
        }
        recording.close();
    }

    @Test
    void regradByNothing() {
        View zero = TestViews.zeros(DType.F32, 9);
        View nan = garbage(9);
        View x = random(1, 9);
        for (View mu : List.of(SLOW, FAST)) {
            for (View base : List.of(zero, nan)) {
                compare("own", to(garbage(9)), (k, d) -> k.optimizer()
                        .regrad(List.of(new Correction(d[0], null, base, x, x, 0)), mu));
                compare("others", to(garbage(9)), (k, d) -> k.optimizer()
                        .regrad(List.of(new Correction(d[0], null, x, base, base, 0)), mu));
            }
        }
    }
}
