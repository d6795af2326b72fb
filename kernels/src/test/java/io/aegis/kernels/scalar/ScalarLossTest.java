package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
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

    @Test
    void refusesLabelsOutsideTheClasses() {
        View logits = TestViews.zeros(DType.F64, 1, 2);
        View value = TestViews.zeros(DType.F64, 1);
        assertThatThrownBy(() -> loss.crossEntropy(logits, TestViews.indices(2), value, null))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> loss.crossEntropyBackward(logits, TestViews.indices(-1), value, logits))
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
