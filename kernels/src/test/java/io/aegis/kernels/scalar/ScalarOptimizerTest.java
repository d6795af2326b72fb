package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import io.aegis.kernels.Optimizer.Adam;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class ScalarOptimizerTest {
    private static final double EPS = 1e-3;

    private final Optimizer optimizer = Backends.scalar().optimizer();

    /** At step 1 the corrected moments are g and g^2, so that the step is alpha g / (|g| + eps). */
    @Test
    void firstStepWithL2() {
        View[] state = state(2, 0.5);
        step(state, 0.25, false, 1);
        double g = 0.5 + 0.25 * 2;
        assertThat(state[0].get(0)).isCloseTo(2 - 0.1 * g / (g + EPS), within(1e-14));
        assertThat(state[2].get(0)).isCloseTo(0.1 * g, within(1e-15));
        assertThat(state[3].get(0)).isCloseTo(0.01 * g * g, within(1e-15));
        assertThat(state[1].get(0)).isEqualTo(0.5);
    }

    @Test
    void firstStepDecoupled() {
        View[] state = state(2, 0.5);
        step(state, 0.25, true, 1);
        assertThat(state[0].get(0)).isCloseTo(2 * (1 - 0.1 * 0.25) - 0.1 * 0.5 / (0.5 + EPS), within(1e-14));
        assertThat(state[2].get(0)).isCloseTo(0.1 * 0.5, within(1e-15));
    }

    /** The second step written out: m = 0.9 m1 + 0.1 g, v = 0.99 v1 + 0.01 g^2, corrections 0.19 and 0.0199. */
    @Test
    void secondStepCorrectsTheBias() {
        View[] state = state(1, 2);
        step(state, 0, false, 1);
        state[1].set(-4, 0);
        double p = state[0].get(0);
        step(state, 0, false, 2);
        double m = (0.9 * 0.2 - 0.1 * 4) / 0.19;
        double v = (0.99 * 0.04 + 0.01 * 16) / 0.0199;
        assertThat(state[0].get(0)).isCloseTo(p - 0.1 * m / (Math.sqrt(v) + EPS), within(1e-13));
    }

    @Test
    void squaresAreSummed() {
        assertThat(optimizer.squares(TestViews.of(DType.F32, new long[] {2, 2}, 1, -2, 3, 0.5)))
                .isEqualTo(14.25);
    }

    @Test
    void modulatesByTheSignOfTheProduct() {
        View base = TestViews.of(DType.F64, new long[] {1, 2}, 2, 0);
        View agreeing = TestViews.of(DType.F64, new long[] {1, 2}, 3, 5);
        View opposing = TestViews.of(DType.F64, new long[] {1, 2}, -3, 5);
        optimizer.modulate(base, agreeing, agreeing);
        optimizer.modulate(base, opposing, opposing);
        // 1e-8 in the denominator of p = 6 / 4 moves the result by 1e-8 relative.
        assertThat(agreeing.toDoubles()).containsExactly(new double[] {3, 0}, within(1e-8));
        assertThat(opposing.toDoubles()).containsExactly(new double[] {0, 5}, within(1e-8));
        double p = 3 * 1e-4 / (1e-8 + 1e-8);
        View small = TestViews.of(DType.F64, new long[] {2}, 1e-4, 0);
        View x = TestViews.of(DType.F64, new long[] {2}, 3, 5);
        optimizer.modulate(small, x, x);
        assertThat(x.toDoubles()).containsExactly(new double[] {p * 1e-4, 0}, within(1e-12));
    }

    @Test
    void nothingIsTakenFromAZeroBase() {
        View zero = TestViews.zeros(DType.F64, 2);
        View x = TestViews.of(DType.F64, new long[] {2}, 3, 5);
        View out = TestViews.garbage(DType.F64, 2);
        optimizer.modulate(zero, x, out);
        assertThat(out.toDoubles()).containsExactly(3, 5);
    }

    /** With a learning rate of 0.1. */
    private void step(View[] state, double weightDecay, boolean decoupled, long number) {
        Adam constants = new Adam(0.9, 0.99, EPS, weightDecay, decoupled);
        View step = AdamStep.of(constants, 0.1, number).in(Arena.ofAuto());
        optimizer.adam(state[0], state[1], state[2], state[3], constants, step);
    }

    private static View[] state(double parameter, double gradient) {
        return new View[] {
            TestViews.of(DType.F64, new long[] {1}, parameter),
            TestViews.of(DType.F64, new long[] {1}, gradient),
            TestViews.zeros(DType.F64, 1),
            TestViews.zeros(DType.F64, 1)
        };
    }
}
