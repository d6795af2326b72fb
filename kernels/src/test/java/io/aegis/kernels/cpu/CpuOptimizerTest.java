package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.Optimizer.Correction;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuOptimizerTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 40000})
    void adam(int n) {
        View g = random(2, n);
        View second = random(4, n);
        Twin.fast().elementwise().binary(Elementwise.Binary.MULTIPLY, second, second, second);
        for (boolean decoupled : new boolean[] {false, true}) {
            for (long step : new long[] {1, 2, 1000}) {
                Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, decoupled);
                View now = AdamStep.of(c, 1e-3, step).in(Arena.ofAuto());
                Twin.compare("adam", to(random(1, n), random(3, n), second), (k, d) -> k.optimizer()
                        .adam(d[0], g, d[1], d[2], c, now));
            }
        }
    }

    @Test
    void aStepThatDoesNotApplyChangesNothing() {
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, false);
        View idle = AdamStep.of(c, 1e-3, 2).idle().in(Arena.ofAuto());
        View[] state = to(random(1, 65), random(2, 65), random(3, 65));
        View[] got = TestViews.copies(state);
        Twin.fast().optimizer().adam(got[0], garbage(65), got[1], got[2], c, idle);
        for (int i = 0; i < got.length; i++) {
            assertThat(got[i].toDoubles()).isEqualTo(state[i].toDoubles());
        }
    }

    /** Sums of 256 squares in float: a relative error of at most 256 roundings. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 40000})
    void squares(int n) {
        View x = random(1, n);
        double exact = Backends.scalar().optimizer().squares(x);
        assertThat(Twin.fast().optimizer().squares(x)).isCloseTo(exact, within(256 * Math.ulp(1f) * exact));
    }

    /** Gradients that agree with the owner's and that do not, that lie apart, and that are not there. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 40000})
    void regrad(int n) {
        View own = random(1, n);
        View along = random(2, n);
        Twin.fast().elementwise().addScaled(own, 2, along);
        View against = random(3, n);
        Twin.fast().elementwise().addScaled(own, -2, against);
        View apart = random(4, n, 2).select(1, 0);
        View[][] all = {
            {own, along, against},
            {own, against, along},
            {along, own, against},
            {own, along, along},
            {own, against, null},
            {null, along, against},
            {own, null, along},
            {null, null, own},
            {own, null, null},
            {own, apart, along}
        };
        for (double[] mu : new double[][] {{0.6, 0.3, 0.2}, {0.3, 0.6, 0.2}, {0.2, 0.3, 0.6}}) {
            View information = TestViews.of(DType.F64, new long[] {3}, mu);
            for (View[] g : all) {
                for (int k = 0; k < 3; k++) {
                    int owner = k;
                    Twin.compare("regrad", to(random(5, n)), (kernels, d) -> kernels.optimizer()
                            .regrad(List.of(new Correction(d[0], d[0], g[0], g[1], g[2], owner)), information));
                    Twin.compare("apart", to(garbage(n)), (kernels, d) -> kernels.optimizer()
                            .regrad(List.of(new Correction(d[0], own, g[0], g[1], g[2], owner)), information));
                    Twin.compare("alone", to(garbage(n)), (kernels, d) -> kernels.optimizer()
                            .regrad(List.of(new Correction(d[0], null, g[0], g[1], g[2], owner)), information));
                }
            }
        }
    }
}
