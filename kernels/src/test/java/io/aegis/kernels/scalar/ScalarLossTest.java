package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScalarLossTest {
    private final Loss loss = Backends.scalar().loss();

    @Test
    void crossEntropyOfKnownRows() {
        View logits = TestViews.of(DType.F64, new long[] {2, 2}, 0, Math.log(3), 1000, 0);
        View value = TestViews.garbage(DType.F64, 1);
        View p = TestViews.garbage(DType.F64, 2, 2);
        loss.crossEntropy(logits, TestViews.indices(0, 1), value, p);
        assertThat(value.get(0)).isCloseTo((Math.log(4) + 1000) / 2, within(1e-12));
        assertThat(p.toDoubles()).containsExactly(new double[] {0.25, 0.75, 1, 0}, within(1e-15));
        loss.crossEntropy(logits, TestViews.indices(1, 0), value, null);
        assertThat(value.get(0)).isCloseTo(Math.log(4.0 / 3) / 2, within(1e-15));
    }

    @Test
    void crossEntropyBackwardMatchesFiniteDifferences() {
        View logits = TestViews.strided(1, DType.F64, 4, 3);
        View target = TestViews.indices(2, 0, 1, 1);
        View value = TestViews.garbage(DType.F64);
        View dvalue = TestViews.of(DType.F64, new long[] {}, -1.5);
        View p = TestViews.garbage(DType.F64, 4, 3);
        View dlogits = TestViews.garbage(DType.F64, 3, 4).transpose(0, 1);
        loss.crossEntropy(logits, target, value, p);
        loss.crossEntropyBackward(p, target, dvalue, dlogits);
        new GradientCheck("cross-entropy", value, dvalue, () -> loss.crossEntropy(logits, target, value, null))
                .input("logits", logits, dlogits);
    }

    /** Rows that take part as if the others were not there, whatever these hold; the sum is over what is said. */
    @Test
    void crossEntropyOfSomeRows() {
        View logits = TestViews.random(1, DType.F64, 4, 3);
        for (int c = 0; c < 3; c++) {
            logits.set(Double.NaN, 1, c);
        }
        View own = TestViews.garbage(DType.F64, 2, 3);
        for (int c = 0; c < 3; c++) {
            own.set(logits.get(0, c), 0, c);
            own.set(logits.get(3, c), 1, c);
        }
        View target = TestViews.indices(2, Loss.NO_PART, Loss.NO_PART, 1);
        View few = TestViews.indices(2, 1);
        View value = TestViews.garbage(DType.F64, 1);
        View expected = TestViews.garbage(DType.F64, 1);
        View p = TestViews.garbage(DType.F64, 4, 3);
        View ownP = TestViews.garbage(DType.F64, 2, 3);
        loss.crossEntropyOfSome(logits, target, 5, value, p);
        loss.crossEntropy(own, few, expected, ownP);
        assertThat(value.get(0)).isCloseTo(expected.get(0) * 2 / 5, within(1e-15));
        View dlogits = TestViews.garbage(DType.F64, 4, 3);
        View slopes = TestViews.garbage(DType.F64, 2, 3);
        loss.crossEntropyOfSomeBackward(p, target, 5, TestViews.of(DType.F64, new long[] {1}, 5), dlogits);
        loss.crossEntropyBackward(ownP, few, TestViews.of(DType.F64, new long[] {1}, 2), slopes);
        for (int c = 0; c < 3; c++) {
            assertThat(dlogits.get(0, c)).isCloseTo(slopes.get(0, c), within(1e-15));
            assertThat(dlogits.get(1, c)).isZero();
            assertThat(dlogits.get(2, c)).isZero();
            assertThat(dlogits.get(3, c)).isCloseTo(slopes.get(1, c), within(1e-15));
        }
    }

    @Test
    void prototypesOfKnownRows() {
        View x = TestViews.of(DType.F64, new long[] {3, 1}, 1, 3, 10);
        View y = TestViews.of(DType.F64, new long[] {3, 1}, 2, 6, 20);
        View z = TestViews.of(DType.F64, new long[] {3, 1}, 4, 12, 40);
        View classes = TestViews.indices(1, 1, 7); // the last row's is none
        View to = TestViews.garbage(DType.F64, 3, 2, 1);
        // Class 0 is absent.
        assertThat(prototypes(List.of(x, y, z), classes, 0, true, true, to)).containsExactly(0, 2, 0, 4, 0, 8);
        assertThat(prototypes(List.of(x, y, z), classes, 1, false, true, to))
                .containsExactly(new double[] {1, 0.8 * 2 + 0.4, 3, 0.8 * 4 + 0.8, 5, 0.8 * 8 + 1.2}, within(1e-14));
        assertThat(prototypes(List.of(x, y, z), classes, 1, true, false, to))
                .containsExactly(
                        new double[] {0.2, 0.8 * 2 + 0.4, 1, 0.8 * 4 + 1.2, 0.6, 0.8 * 8 + 0.8}, within(1e-14));
    }

    /** The state, which begins as 1 to 6. */
    private double[] prototypes(List<View> x, View classes, int momentum, boolean swap, boolean keep, View to) {
        View state = TestViews.of(DType.F64, new long[] {3, 2, 1}, 1, 2, 3, 4, 5, 6);
        loss.prototypes(new Loss.PrototypesOf(x, classes, TestViews.indices(momentum), swap, keep), state, to);
        assertThat(to.toDoubles()).containsExactly(state.toDoubles());
        return state.toDoubles();
    }

    @Test
    void refusesLabelsOutsideTheClasses() {
        View logits = TestViews.zeros(DType.F64, 1, 2);
        View value = TestViews.zeros(DType.F64, 1);
        assertThatThrownBy(() -> loss.crossEntropy(logits, TestViews.indices(2), value, null))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> loss.crossEntropyBackward(logits, TestViews.indices(-1), value, logits))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> loss.crossEntropyOfSome(logits, TestViews.indices(-2), 1, value, null))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void negativeDistanceAndItsGradientAtZero() {
        View x = TestViews.of(DType.F64, new long[] {1, 2}, 3, 4);
        View p = TestViews.of(DType.F64, new long[] {2, 2}, 0, 0, 3, 4);
        View y = TestViews.garbage(DType.F64, 1, 2);
        loss.negativeDistance(x, p, y);
        assertThat(y.get(0, 0)).isEqualTo(-5);
        assertThat(y.get(0, 1)).isZero();
        View dy = TestViews.of(DType.F64, new long[] {1, 2}, 10, 1);
        View dx = TestViews.garbage(DType.F64, 1, 2);
        loss.negativeDistanceBackward(x, p, y, dy, true, dx);
        assertThat(dx.toDoubles()).containsExactly(-6, -8);
        loss.negativeDistanceBackward(x, p, y, dy, false, dx);
        assertThat(dx.toDoubles()).containsOnly(Double.NaN);
    }

    @Test
    void negativeDistanceBackwardMatchesFiniteDifferences() {
        View x = TestViews.strided(1, DType.F64, 4, 3);
        View p = TestViews.strided(2, DType.F64, 2, 3);
        View y = TestViews.garbage(DType.F64, 4, 2);
        View dy = TestViews.strided(3, DType.F64, 4, 2);
        View dx = TestViews.garbage(DType.F64, 4, 3);
        loss.negativeDistance(x, p, y);
        loss.negativeDistanceBackward(x, p, y, dy, false, dx);
        new GradientCheck("negative distance", y, dy, () -> loss.negativeDistance(x, p, y)).input("x", x, dx);
    }
}
