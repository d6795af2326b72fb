package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import org.junit.jupiter.api.Test;

class ScalarReductionTest {
    private final Reduction reduction = Backends.scalar().reduction();

    @Test
    void sumsOverAnyDimensions() {
        View x = TestViews.of(DType.F64, new long[] {2, 1, 3}, 1, 2, 3, 10, 20, 30);
        assertThat(sum(x, 2, 1, 3)).containsExactly(2, 4, 6, 20, 40, 60);
        assertThat(sum(x, 1, 1, 3)).containsExactly(22, 44, 66);
        assertThat(sum(x, 2, 1, 1)).containsExactly(12, 120);
        assertThat(sum(x, 1, 1, 1)).containsExactly(132);
        assertThat(sum(x.transpose(0, 2), 3, 1, 1)).containsExactly(22, 44, 66);
        assertThat(sum(x.select(1, 0).select(1, 0).select(0, 1).expand(5), 1)).containsExactly(100);
        assertThat(sum(TestViews.of(DType.F64, new long[] {}, 4))).containsExactly(8);
    }

    @Test
    void emptySumsAreZero() {
        View x = TestViews.zeros(DType.F64, 0, 2);
        assertThat(sum(x, 1, 2)).containsExactly(0, 0);
        assertThat(sum(x, 0, 2)).isEmpty();
    }

    @Test
    void accumulatesInDouble() {
        View y = TestViews.of(DType.F64, new long[] {1}, 5);
        reduction.sum(TestViews.of(DType.F64, new long[] {2}, 1, 2), 10, true, y);
        assertThat(y.get(0)).isEqualTo(35);
        View narrow = TestViews.garbage(DType.BF16, 1);
        reduction.sum(TestViews.of(DType.BF16, new long[] {1}, 1).expand(1024), 1, false, narrow);
        assertThat(narrow.get(0)).isEqualTo(1024);
    }

    @Test
    void theGreatestAndWhereItsGradientGoes() {
        double inf = Double.POSITIVE_INFINITY;
        View x = TestViews.of(
                DType.F64, new long[] {4, 3}, 1, 3, 3, inf, Double.NaN, Double.NaN, -inf, -inf, -inf, 2, 1, 0);
        View y = TestViews.garbage(DType.F64, 4);
        View index = TestViews.garbage(DType.I64, 4);
        reduction.greatest(x, y, index);
        assertThat(y.toDoubles()).containsExactly(3, Double.NaN, -inf, 2);
        assertThat(index.toDoubles()).containsExactly(1, 1, 0, 0);
        View dx = TestViews.garbage(DType.F64, 4, 3);
        reduction.greatestBackward(index, TestViews.of(DType.F64, new long[] {4}, 5, 6, 7, 8), dx);
        assertThat(dx.toDoubles()).containsExactly(0, 5, 0, 0, 6, 0, 7, 0, 0, 8, 0, 0);
    }

    @Test
    void softmaxOfKnownRows() {
        View x = TestViews.of(DType.F64, new long[] {3, 2}, 0, Math.log(3), 1000, 1000, Double.NEGATIVE_INFINITY, 0);
        reduction.softmax(x, x);
        double[] y = x.toDoubles();
        double[] expected = {0.25, 0.75, 0.5, 0.5, 0, 1};
        assertThat(y).containsExactly(expected, within(1e-15));
        View one = TestViews.of(DType.F64, new long[] {1}, 42);
        reduction.softmax(one, one);
        assertThat(one.get(0)).isOne();
        View empty = TestViews.zeros(DType.F64, 3, 0);
        reduction.softmax(empty, empty);
    }

    @Test
    void softmaxBackwardMatchesFiniteDifferences() {
        View x = TestViews.strided(1, DType.F64, 2, 3, 5);
        View y = TestViews.garbage(DType.F64, 2, 3, 5);
        View dy = TestViews.strided(2, DType.F64, 2, 3, 5);
        View dx = TestViews.dense(dy);
        reduction.softmax(x, y);
        reduction.softmaxBackward(y, dx, dx);
        new GradientCheck("softmax", y, dy, () -> reduction.softmax(x, y)).input("x", x, dx);
    }

    @Test
    void normalizesRows() {
        View x = TestViews.of(DType.F64, new long[] {2, 1, 2}, 3, 4, 0, 0);
        View y = TestViews.garbage(DType.F64, 2, 1, 2);
        View lengths = TestViews.garbage(DType.F64, 2);
        reduction.normalizeRows(x, y, lengths);
        assertThat(y.toDoubles()).containsExactly(0.6, 0.8, Double.NaN, Double.NaN);
        assertThat(lengths.toDoubles()).containsExactly(5, 0);
    }

    @Test
    void normalizeRowsBackwardMatchesFiniteDifferences() {
        View x = TestViews.strided(1, DType.F64, 2, 3, 5);
        View y = TestViews.garbage(DType.F64, 2, 3, 5);
        View lengths = TestViews.garbage(DType.F64, 6);
        View dy = TestViews.strided(2, DType.F64, 2, 3, 5);
        View dx = TestViews.dense(dy);
        reduction.normalizeRows(x, y, lengths);
        reduction.normalizeRowsBackward(y, lengths, dx, dx);
        new GradientCheck("normalized rows", y, dy, () -> reduction.normalizeRows(x, y, null)).input("x", x, dx);
    }

    /** Twice the sum, so that the scale is seen. */
    private double[] sum(View x, long... shape) {
        View y = TestViews.garbage(DType.F64, shape);
        reduction.sum(x, 2, false, y);
        return y.toDoubles();
    }
}
