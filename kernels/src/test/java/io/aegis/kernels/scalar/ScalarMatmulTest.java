package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScalarMatmulTest {
    private final Matmul matmul = Backends.scalar().matmul();

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1", "2, 3, 4, 5", "1, 13, 65, 7", "3, 1, 9, 1", "0, 2, 2, 2", "2, 0, 3, 4", "2, 3, 4, 0"})
    void matchesTheDefinition(int batch, int m, int k, int n) {
        View a = TestViews.strided(1, DType.F64, batch, m, k);
        View b = TestViews.random(2, DType.F64, batch, n, k).transpose(1, 2);
        View bias = TestViews.random(3, DType.F64, n);
        View c = TestViews.garbage(DType.F64, batch, n, m).transpose(1, 2);
        matmul.multiply(a, b, c, new Epilogue(bias, Activation.RELU, false));
        for (int p = 0; p < batch; p++) {
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double product = product(a, b, p, i, j);
                    assertThat(c.get(p, i, j)).isCloseTo(Math.max(product + bias.get(j), 0), within(1e-13));
                }
            }
        }
        View sum = TestViews.random(4, DType.F64, batch, m, n);
        View before = TestViews.dense(sum);
        matmul.multiply(a, b, sum, Epilogue.ACCUMULATE);
        for (int p = 0; p < batch; p++) {
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double expected = before.get(p, i, j) + product(a, b, p, i, j);
                    assertThat(sum.get(p, i, j)).isCloseTo(expected, within(1e-13));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"PLUS", "TIMES"})
    void mergesAnotherMatrix(Merge merge) {
        View a = TestViews.strided(1, DType.F64, 2, 3, 4);
        View b = TestViews.random(2, DType.F64, 2, 4, 5);
        View bias = TestViews.random(3, DType.F64, 5);
        View other = TestViews.strided(4, DType.F64, 2, 3, 5);
        View c = TestViews.garbage(DType.F64, 2, 3, 5);
        matmul.multiply(a, b, c, new Epilogue(bias, Activation.RELU, merge, other, false));
        for (int p = 0; p < 2; p++) {
            for (int i = 0; i < 3; i++) {
                for (int j = 0; j < 5; j++) {
                    double x = Math.max(product(a, b, p, i, j) + bias.get(j), 0);
                    double y = other.get(p, i, j);
                    assertThat(c.get(p, i, j)).isCloseTo(merge == Merge.PLUS ? x + y : x * y, within(1e-13));
                }
            }
        }
        assertThatThrownBy(() -> new Epilogue(null, Activation.NONE, merge, other, true))
                .hasMessageContaining("an accumulated product takes neither");
        assertThatThrownBy(() -> new Epilogue(null, Activation.NONE, merge, null, false))
                .hasMessageContaining("another matrix and how it comes in");
    }

    @Test
    void withoutInnerDimensionOnlyTheBiasRemains() {
        View c = TestViews.garbage(DType.F64, 2, 2);
        View bias = TestViews.of(DType.F64, new long[] {2}, 1, 2);
        matmul.multiply(TestViews.zeros(DType.F64, 2, 0), TestViews.zeros(DType.F64, 0, 2), c, Epilogue.bias(bias));
        assertThat(c.toDoubles()).containsExactly(1, 2, 1, 2);
    }

    @Test
    void repeatsAnExpandedOperand() {
        View a = TestViews.of(DType.F64, new long[] {2, 1, 2}, 1, 2, 3, 4);
        View b = TestViews.of(DType.F64, new long[] {2, 1}, 10, 1).expand(2, 2, 1);
        View c = TestViews.garbage(DType.F64, 2, 1, 1);
        matmul.multiply(a, b, c, Epilogue.NONE);
        assertThat(c.toDoubles()).containsExactly(12, 34);
    }

    /** 1 + 4000 times 2^-9 in bfloat16 would stay at 1 with a narrow accumulator: half of its spacing there is 2^-8. */
    @ParameterizedTest
    @CsvSource({"F32", "F16", "BF16"})
    void narrowTypesAccumulateInDouble(DType dtype) {
        int k = 4097;
        View a = TestViews.zeros(dtype, 1, k);
        for (int i = 0; i < k; i++) {
            a.set(i == 0 ? 1 : 0x1p-9, 0, i);
        }
        View one = TestViews.of(dtype, new long[] {1, 1}, 1).expand(k, 1);
        View c = TestViews.garbage(dtype, 1, 1);
        matmul.multiply(a, one, c, Epilogue.NONE);
        assertThat(c.get(0, 0)).isEqualTo(9);
    }

    @Test
    void byRowsIsTheSameHere() {
        View a = TestViews.strided(1, DType.F32, 3, 5);
        View b = TestViews.random(2, DType.BF16, 4, 5).transpose(0, 1);
        View together = TestViews.garbage(DType.F32, 3, 4);
        View each = TestViews.garbage(DType.F32, 3, 4);
        matmul.multiply(a, b, together, Epilogue.NONE);
        matmul.multiplyRows(a, b, each, Epilogue.NONE);
        assertThat(each.toDoubles()).isEqualTo(together.toDoubles());
    }

    @Test
    void isItsOwnBackward() {
        View a = TestViews.strided(1, DType.F64, 2, 3, 4);
        View b = TestViews.random(2, DType.F64, 2, 4, 5);
        View c = TestViews.garbage(DType.F64, 2, 3, 5);
        View dc = TestViews.random(3, DType.F64, 2, 3, 5);
        View da = TestViews.garbage(DType.F64, 2, 3, 4);
        View db = TestViews.garbage(DType.F64, 2, 4, 5);
        matmul.multiply(dc, b.transpose(1, 2), da, Epilogue.NONE);
        matmul.multiply(a.transpose(1, 2), dc, db, Epilogue.NONE);
        new GradientCheck("matmul", c, dc, () -> matmul.multiply(a, b, c, Epilogue.NONE))
                .input("a", a, da)
                .input("b", b, db);
    }

    private static double product(View a, View b, int p, int i, int j) {
        double sum = 0;
        for (int t = 0; t < a.size(2); t++) {
            sum += a.get(p, i, t) * b.get(p, t, j);
        }
        return sum;
    }
}
