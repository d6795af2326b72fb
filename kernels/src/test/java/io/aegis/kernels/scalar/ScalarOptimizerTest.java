package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import io.aegis.kernels.Optimizer.Adam;
import io.aegis.kernels.Optimizer.Correction;
import java.lang.foreign.Arena;
import java.util.List;
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
    void aStepThatDoesNotApplyChangesNothing() {
        View[] state = state(2, Double.NaN);
        Adam c = new Adam(0.9, 0.99, EPS, 0.25, false);
        View idle = AdamStep.of(c, 0.1, 1).idle().in(Arena.ofAuto());
        optimizer.adam(state[0], state[1], state[2], state[3], c, idle);
        assertThat(state[0].get(0)).isEqualTo(2);
        assertThat(state[2].get(0)).isZero();
        assertThat(state[3].get(0)).isZero();
        assertThat(AdamStep.read(idle)).isEqualTo(AdamStep.of(c, 0.1, 1).idle());
    }

    @Test
    void guardedStepsApplyWhereAllIsFinite() {
        View steps = TestViews.of(DType.F64, new long[] {1, AdamStep.SIZE}, 1, 2, 3, 4, 5, 1);
        View guarded = TestViews.garbage(DType.F64, 1, AdamStep.SIZE);
        optimizer.guard(TestViews.of(DType.F32, new long[] {2}, 1, 2), steps, guarded);
        assertThat(guarded.toDoubles()).containsExactly(1, 2, 3, 4, 5, 1);
        optimizer.guard(TestViews.of(DType.F32, new long[] {2}, 1, Double.NaN), steps, guarded);
        assertThat(guarded.toDoubles()).containsExactly(1, 2, 3, 4, 5, 0);
    }

    @Test
    void squaresAreSummed() {
        assertThat(optimizer.squares(TestViews.of(DType.F32, new long[] {2, 2}, 1, -2, 3, 0.5)))
                .isEqualTo(14.25);
    }

    private View corrected(View total, View own, View first, View second, int owner, double... mu) {
        View out = TestViews.garbage(DType.F64, 2);
        View information = TestViews.of(DType.F64, new long[] {3}, mu);
        optimizer.regrad(List.of(new Correction(out, total, own, first, second, owner)), information);
        return out;
    }

    private static View pair(double x, double y) {
        return TestViews.of(DType.F64, new long[] {2}, x, y);
    }

    /** 1e-8 in the denominator of q moves the result by 1e-8 relative, and less. */
    @Test
    void theSlowModalityLeadsTheOthers() {
        // Along (2, 0): (3, 5) agrees, 1.5 of it; (-3, 5) does not, and keeps what is across.
        View out = corrected(pair(10, 20), pair(2, 0), pair(3, 5), pair(-3, 5), 0, 0.5, 0.25, 0.5);
        assertThat(out.toDoubles()).containsExactly(new double[] {10 + 2 + 0.25 * 3, 20 + 0.5 * 5}, within(1e-7));
        View other = corrected(pair(10, 20), pair(2, 0), pair(3, 5), pair(-3, 5), 2, 0.5, 0.25, 0.5);
        assertThat(other.toDoubles()).containsExactly(new double[] {10 + 2 + 0.5 * 3, 20 + 0.25 * 5}, within(1e-7));
    }

    @Test
    void theOthersLeadAModalityThatIsNotSlow() {
        View agrees = corrected(null, pair(3, 5), pair(1, 0), pair(1, 0), 1, 0.5, 0.25, 0.25);
        assertThat(agrees.toDoubles()).containsExactly(new double[] {2 + 0.25 * 3, 0}, within(1e-7));
        View opposes = corrected(null, pair(-3, 5), pair(1, 0), pair(1, 0), 1, 0.5, 0.25, 0.25);
        assertThat(opposes.toDoubles()).containsExactly(new double[] {2, 0.25 * 5}, within(1e-7));
    }

    @Test
    void aSmallBaseIsNotDividedBy() {
        double q = 3 * 1e-4 / (1e-8 + 1e-8);
        View out = corrected(null, pair(1e-4, 0), pair(3, 5), null, 0, 1, 1, 1);
        assertThat(out.toDoubles()).containsExactly(new double[] {1e-4 + q * 1e-4, 0}, within(1e-12));
    }

    /** As if they were there and zero; a mean information that is none is never the largest. */
    @Test
    void gradientsThatAreNotThereAreZeros() {
        View zero = pair(0, 0);
        for (double[] mu : new double[][] {{1, 0.5, 0.25}, {0.5, 1, 0.25}, {Double.NaN, 0.5, 1}}) {
            for (int missing = 0; missing < 8; missing++) {
                View[] g = {pair(3, 5), pair(-1, 4), pair(2, -7)};
                View[] filled = g.clone();
                for (int k = 0; k < 3; k++) {
                    g[k] = (missing >> k & 1) == 0 ? g[k] : null;
                    filled[k] = g[k] == null ? zero : filled[k];
                }
                assertThat(corrected(null, g[0], g[1], g[2], 0, mu).toDoubles())
                        .isEqualTo(corrected(zero, filled[0], filled[1], filled[2], 0, mu)
                                .toDoubles());
            }
        }
        assertThat(corrected(zero, null, pair(3, 5), null, 0, 1, 0.5, 0.5).toDoubles())
                .containsExactly(1.5, 2.5);
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
