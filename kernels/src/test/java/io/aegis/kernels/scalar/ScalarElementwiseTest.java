package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import io.aegis.kernels.Elementwise.Binary;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ScalarElementwiseTest {
    private final Elementwise elementwise = Backends.scalar().elementwise();

    @Test
    void fillsOnlyItsOwnElements() {
        View all = TestViews.zeros(DType.F32, 3, 4);
        elementwise.fill(all.slice(1, 1, 3).slice(0, 1, 3).transpose(0, 1), 2.5);
        assertThat(all.toDoubles()).containsExactly(0, 0, 0, 0, 0, 2.5, 2.5, 0, 0, 2.5, 2.5, 0);
        View scalar = TestViews.zeros(DType.F64);
        elementwise.fill(scalar, 3);
        assertThat(scalar.get()).isEqualTo(3);
        elementwise.fill(all.slice(0, 1, 1), 9);
        assertThat(all.toDoubles()).doesNotContain(9);
    }

    @ParameterizedTest
    @EnumSource
    void copiesFromAndToEveryDtype(DType dtype) {
        boolean bool = dtype == DType.BOOL;
        View source = TestViews.of(DType.F64, new long[] {2, 2}, 1, 0, bool ? 1 : 3, bool ? 1 : 100);
        View there = TestViews.garbage(dtype, 2, 2).transpose(0, 1);
        View back = TestViews.garbage(DType.F64, 2, 2);
        elementwise.copy(source, there);
        elementwise.copy(there, back);
        assertThat(back.toDoubles()).isEqualTo(source.toDoubles());
        for (DType other : DType.values()) {
            View via = TestViews.garbage(other, 2, 2);
            elementwise.copy(there, via);
            double[] expected = source.toDoubles();
            if (other == DType.BOOL) {
                expected = new double[] {1, 0, 1, 1};
            }
            assertThat(via.toDoubles()).as("%s to %s", dtype, other).isEqualTo(expected);
        }
    }

    @Test
    void copiesAndGathersIntegersExactly() {
        View x = TestViews.indices((1L << 53) + 1, Long.MIN_VALUE + 1);
        View y = TestViews.garbage(DType.I64, 2);
        elementwise.copy(x, y);
        assertThat(y.getLong(0)).isEqualTo((1L << 53) + 1);
        elementwise.gather(x, TestViews.indices(1, 0), y);
        assertThat(y.getLong(0)).isEqualTo(Long.MIN_VALUE + 1);
        assertThat(y.getLong(1)).isEqualTo((1L << 53) + 1);
    }

    @Test
    void binaryWithExpandedSourcesAndInPlace() {
        View a = TestViews.of(DType.F64, new long[] {2, 2}, 2, 4, 6, 8);
        View b = TestViews.of(DType.F64, new long[] {2}, 2, 4).expand(2, 2);
        assertThat(binary(Binary.ADD, a, b)).containsExactly(4, 8, 8, 12);
        assertThat(binary(Binary.SUBTRACT, a, b)).containsExactly(0, 0, 4, 4);
        assertThat(binary(Binary.MULTIPLY, a, b)).containsExactly(4, 16, 12, 32);
        assertThat(binary(Binary.DIVIDE, a, b)).containsExactly(1, 1, 3, 2);
        elementwise.binary(Binary.SUBTRACT, b, a, a);
        assertThat(a.toDoubles()).containsExactly(0, 0, -4, -4);
    }

    @Test
    void affineAndAddScaled() {
        View x = TestViews.of(DType.F64, new long[] {3}, 1, 2, 3);
        View y = TestViews.of(DType.F64, new long[] {3}, 10, 20, 30);
        elementwise.addScaled(x, -2, y);
        assertThat(y.toDoubles()).containsExactly(8, 16, 24);
        elementwise.affine(x, 3, 1, x);
        assertThat(x.toDoubles()).containsExactly(4, 7, 10);
    }

    @ParameterizedTest
    @EnumSource
    void activationBackwardMatchesFiniteDifferences(Activation f) {
        View x = TestViews.strided(1, DType.F64, 3, 5);
        if (f == Activation.LOG || f == Activation.SQRT) {
            elementwise.activate(Activation.EXP, x, x);
        }
        View y = TestViews.garbage(DType.F64, 3, 5);
        View dy = TestViews.strided(2, DType.F64, 3, 5);
        View dx = TestViews.dense(dy);
        elementwise.activateBackward(f, x, dx, dx);
        new GradientCheck(f.name(), y, dy, () -> elementwise.activate(f, x, y)).input("x", x, dx);
    }

    @Test
    void dropoutDependsOnWhatAnElementIs() {
        View x = TestViews.strided(1, DType.F64, 3, 4, 5);
        View y = TestViews.garbage(DType.F64, 3, 4, 5);
        elementwise.dropout(x, 0.4, 7, TestViews.indices(8), TestViews.indices(30, 10, 20), 9, y);
        for (int b = 0; b < 3; b++) {
            for (int i = 0; i < 4; i++) {
                for (int j = 0; j < 5; j++) {
                    long sample = new long[] {30, 10, 20}[b];
                    boolean kept = Philox.uniform(7, 8, sample, 9, i * 5 + j) >= 0.4;
                    assertThat(y.get(b, i, j)).isCloseTo(kept ? x.get(b, i, j) / 0.6 : 0, within(1e-15));
                }
            }
        }
        View alone = TestViews.garbage(DType.F64, 1, 4, 5);
        elementwise.dropout(x.slice(0, 1, 2), 0.4, 7, TestViews.indices(8), TestViews.indices(10), 9, alone);
        assertThat(alone.toDoubles()).isEqualTo(y.select(0, 1).toDoubles());
    }

    @Test
    void dropoutAtTheEnds() {
        View x = TestViews.random(1, DType.F64, 2, 3);
        View y = TestViews.garbage(DType.F64, 2, 3);
        elementwise.dropout(x, 0, 1, TestViews.indices(2), TestViews.indices(0, 1), 3, y);
        assertThat(y.toDoubles()).isEqualTo(x.toDoubles());
        elementwise.dropout(x, 1, 1, TestViews.indices(2), TestViews.indices(0, 1), 3, x);
        assertThat(x.toDoubles()).containsOnly(0);
    }

    @Test
    void gatherAndItsBackward() {
        View x = TestViews.strided(1, DType.F64, 3, 2);
        View index = TestViews.indices(2, 0, 2, 2);
        View y = TestViews.garbage(DType.F64, 4, 2);
        View dy = TestViews.strided(2, DType.F64, 4, 2);
        View dx = TestViews.zeros(DType.F64, 3, 2);
        elementwise.scatterAdd(dy, index, dx);
        new GradientCheck("gather", y, dy, () -> elementwise.gather(x, index, y)).input("x", x, dx);
        assertThat(y.select(0, 3).toDoubles()).isEqualTo(x.select(0, 2).toDoubles());
        assertThat(dx.select(0, 1).toDoubles()).containsOnly(0);
    }

    @Test
    void scatterAddAdds() {
        View x = TestViews.of(DType.F64, new long[] {2}, 100, 200);
        elementwise.scatterAdd(TestViews.of(DType.F64, new long[] {3}, 1, 2, 3), TestViews.indices(1, 0, 1), x);
        assertThat(x.toDoubles()).containsExactly(102, 204);
        elementwise.scatterAdd(TestViews.zeros(DType.F64, 0), TestViews.indices(), x);
        assertThat(x.toDoubles()).containsExactly(102, 204);
    }

    @Test
    void indicesStayInside() {
        View x = TestViews.zeros(DType.F64, 2, 3);
        View y = TestViews.zeros(DType.F64, 1, 3);
        assertThatThrownBy(() -> elementwise.gather(x, TestViews.indices(2), y))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> elementwise.scatterAdd(y, TestViews.indices(-1), x))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    private double[] binary(Binary op, View a, View b) {
        View y = TestViews.garbage(DType.F64, a.shape());
        elementwise.binary(op, a, b, y);
        return y.toDoubles();
    }

    @Test
    void siluGateAndItsSlopes() {
        View gate = TestViews.strided(1, DType.F64, 3, 4);
        View up = TestViews.strided(2, DType.F64, 3, 4);
        View y = TestViews.garbage(DType.F64, 3, 4);
        View dy = TestViews.random(3, DType.F64, 4, 3).transpose(0, 1);
        View dgate = TestViews.garbage(DType.F64, 3, 4);
        View dup = TestViews.garbage(DType.F64, 3, 4);
        elementwise.siluGate(gate, up, y);
        double g = gate.get(1, 2);
        assertThat(y.get(1, 2)).isCloseTo(g / (1 + Math.exp(-g)) * up.get(1, 2), within(1e-15));
        elementwise.siluGateBackward(gate, up, dy, dgate, dup);
        new GradientCheck("SiLU gate", y, dy, () -> elementwise.siluGate(gate, up, y))
                .input("gate", gate, dgate)
                .input("up", up, dup);
        View alone = TestViews.garbage(DType.F64, 3, 4);
        elementwise.siluGateBackward(gate, up, dy, null, alone);
        assertThat(alone.toDoubles()).isEqualTo(dup.toDoubles());
        elementwise.siluGate(gate, up, up);
        assertThat(up.toDoubles()).isEqualTo(y.toDoubles());
    }
}
