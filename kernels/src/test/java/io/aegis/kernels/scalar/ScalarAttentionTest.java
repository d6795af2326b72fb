package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScalarAttentionTest {
    private final Attention attention = Backends.scalar().attention();

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1, 1", "2, 3, 5, 7, 4", "1, 2, 13, 1, 3", "2, 1, 0, 3, 2", "0, 1, 2, 2, 2"})
    void matchesTheDefinition(int b, int h, int n, int m, int d) {
        View q = heads(1, b, h, n, d);
        View k = heads(2, b, h, m, d);
        View v = heads(3, b, h, m, d);
        View out = TestViews.garbage(DType.F64, b, n, h, d).transpose(1, 2);
        View lse = TestViews.garbage(DType.F64, b, h, n);
        attention.forward(q, k, v, 0.7, out, lse);
        for (int p = 0; p < b; p++) {
            for (int i = 0; i < h; i++) {
                for (int r = 0; r < n; r++) {
                    double[] weights = new double[m];
                    double total = 0;
                    for (int c = 0; c < m; c++) {
                        double score = 0;
                        for (int e = 0; e < d; e++) {
                            score += q.get(p, i, r, e) * k.get(p, i, c, e);
                        }
                        weights[c] = Math.exp(0.7 * score);
                        total += weights[c];
                    }
                    assertThat(lse.get(p, i, r)).isCloseTo(Math.log(total), within(1e-13));
                    for (int e = 0; e < d; e++) {
                        double sum = 0;
                        for (int c = 0; c < m; c++) {
                            sum += weights[c] / total * v.get(p, i, c, e);
                        }
                        assertThat(out.get(p, i, r, e)).isCloseTo(sum, within(1e-13));
                    }
                }
            }
        }
    }

    @Test
    void largeScoresDoNotOverflow() {
        View q = TestViews.of(DType.F64, new long[] {1, 1, 1, 1}, 1000);
        View k = TestViews.of(DType.F64, new long[] {1, 1, 2, 1}, 1, 0);
        View v = TestViews.of(DType.F64, new long[] {1, 1, 2, 1}, 5, 6);
        View out = TestViews.garbage(DType.F64, 1, 1, 1, 1);
        View lse = TestViews.garbage(DType.F64, 1, 1, 1);
        attention.forward(q, k, v, 1, out, lse);
        assertThat(out.get(0, 0, 0, 0)).isEqualTo(5);
        assertThat(lse.get(0, 0, 0)).isEqualTo(1000);
    }

    @Test
    void withoutKeysARowIsZero() {
        View none = TestViews.zeros(DType.F64, 1, 1, 0, 2);
        View q = TestViews.random(1, DType.F64, 1, 1, 3, 2);
        View out = TestViews.garbage(DType.F64, 1, 1, 3, 2);
        View lse = TestViews.garbage(DType.F64, 1, 1, 3);
        attention.forward(q, none, none, 1, out, lse);
        assertThat(out.toDoubles()).containsOnly(0);
        assertThat(lse.toDoubles()).containsOnly(Double.NEGATIVE_INFINITY);
    }

    @ParameterizedTest
    @CsvSource({"2, 2, 3, 4, 3", "1, 1, 1, 1, 1", "1, 2, 5, 2, 1"})
    void backwardMatchesFiniteDifferences(int b, int h, int n, int m, int d) {
        View q = heads(1, b, h, n, d);
        View k = heads(2, b, h, m, d);
        View v = heads(3, b, h, m, d);
        View out = TestViews.garbage(DType.F64, b, h, n, d);
        View lse = TestViews.garbage(DType.F64, b, h, n);
        View dout = heads(4, b, h, n, d);
        View dq = TestViews.garbage(DType.F64, b, n, h, d).transpose(1, 2);
        View dk = TestViews.garbage(DType.F64, b, m, h, d).transpose(1, 2);
        View dv = TestViews.garbage(DType.F64, b, m, h, d).transpose(1, 2);
        attention.forward(q, k, v, 0.7, out, lse);
        attention.backward(q, k, v, 0.7, out, lse, dout, dq, dk, dv);
        new GradientCheck("attention", out, dout, () -> attention.forward(q, k, v, 0.7, out, null))
                .input("q", q, dq)
                .input("k", k, dk)
                .input("v", v, dv);
    }

    /** [B, H, N, D] inside packed rows [B, N, 3, H, D], as one projection to q, k and v leaves them. */
    private static View heads(long seed, long b, long h, long n, long d) {
        return TestViews.random(seed, DType.F64, b, n, 3, h, d).select(2, 1).transpose(1, 2);
    }
}
