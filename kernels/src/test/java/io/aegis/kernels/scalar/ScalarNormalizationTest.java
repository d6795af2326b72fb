package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScalarNormalizationTest {
    private static final double EPS = 1e-3;

    private final Normalization norm = Backends.scalar().normalization();

    /** Rows (1, 3) and (2, 2): mean 2, biased variance 1 and 0. */
    @Test
    void layerNormOfKnownRows() {
        View x = TestViews.of(DType.F64, new long[] {2, 1, 2}, 1, 3, 2, 2);
        View gamma = TestViews.of(DType.F64, new long[] {2}, 10, 100);
        View beta = TestViews.of(DType.F64, new long[] {2}, 1, 2);
        View y = TestViews.garbage(DType.F64, 2, 1, 2);
        View mean = TestViews.garbage(DType.F64, 2);
        View rstd = TestViews.garbage(DType.F64, 2);
        norm.layerNorm(x, gamma, beta, 3, y, mean, rstd);
        assertThat(y.toDoubles()).containsExactly(1 - 10 * 0.5, 2 + 100 * 0.5, 1, 2);
        assertThat(mean.toDoubles()).containsExactly(2, 2);
        assertThat(rstd.toDoubles()).containsExactly(0.5, 1 / Math.sqrt(3));
        norm.layerNorm(x, gamma, beta, 3, y, null, null);
    }

    @ParameterizedTest
    @CsvSource({"2, 3, 5", "1, 1, 2", "4, 1, 13"})
    void layerNormBackward(int b, int n, int d) {
        View x = TestViews.strided(1, DType.F64, b, n, d);
        View gamma = TestViews.random(2, DType.F64, d);
        View beta = TestViews.random(3, DType.F64, d);
        View y = TestViews.garbage(DType.F64, b, n, d);
        View dy = TestViews.strided(4, DType.F64, b, n, d);
        View mean = TestViews.garbage(DType.F64, b, n);
        View rstd = TestViews.garbage(DType.F64, b, n);
        View dx = TestViews.garbage(DType.F64, n, b, d).transpose(0, 1);
        View dgamma = TestViews.garbage(DType.F64, d);
        View dbeta = TestViews.garbage(DType.F64, d);
        norm.layerNorm(x, gamma, beta, EPS, y, mean, rstd);
        norm.layerNormBackward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta);
        new GradientCheck("layer norm", y, dy, () -> norm.layerNorm(x, gamma, beta, EPS, y, null, null))
                .input("x", x, dx)
                .input("gamma", gamma, dgamma)
                .input("beta", beta, dbeta);

        View alone = TestViews.garbage(DType.F64, d);
        norm.layerNormBackward(x, gamma, mean, rstd, dy, null, alone, null);
        assertThat(alone.toDoubles()).isEqualTo(dgamma.toDoubles());
    }

    /** Rows (3, 4) and (0, 0): mean squares 12.5 and 0. */
    @Test
    void rmsNormOfKnownRows() {
        View x = TestViews.of(DType.F64, new long[] {2, 2}, 3, 4, 0, 0);
        View weight = TestViews.of(DType.F64, new long[] {2}, 10, 100);
        View y = TestViews.garbage(DType.F64, 2, 2);
        View rstd = TestViews.garbage(DType.F64, 2);
        norm.rmsNorm(x, weight, 3.5, y, rstd);
        assertThat(y.toDoubles()).containsExactly(3 * 10 * 0.25, 4 * 100 * 0.25, 0, 0);
        assertThat(rstd.toDoubles()).containsExactly(0.25, 1 / Math.sqrt(3.5));
        norm.rmsNorm(x, weight, 3.5, x, null);
        assertThat(x.toDoubles()).isEqualTo(y.toDoubles());
    }

    @ParameterizedTest
    @CsvSource({"2, 3, 5", "1, 1, 2", "4, 1, 13", "0, 2, 3"})
    void rmsNormBackward(int b, int n, int d) {
        View x = TestViews.strided(1, DType.F64, b, n, d);
        View weight = TestViews.random(2, DType.F64, d);
        View y = TestViews.garbage(DType.F64, b, n, d);
        View dy = TestViews.strided(3, DType.F64, b, n, d);
        View rstd = TestViews.garbage(DType.F64, b, n);
        View dx = TestViews.garbage(DType.F64, n, b, d).transpose(0, 1);
        View dweight = TestViews.garbage(DType.F64, d);
        norm.rmsNorm(x, weight, EPS, y, rstd);
        norm.rmsNormBackward(x, weight, rstd, dy, dx, dweight);
        new GradientCheck("RMS norm", y, dy, () -> norm.rmsNorm(x, weight, EPS, y, null))
                .input("x", x, dx)
                .input("weight", weight, dweight);

        View alone = TestViews.garbage(DType.F64, d);
        norm.rmsNormBackward(x, weight, rstd, dy, null, alone);
        assertThat(alone.toDoubles()).isEqualTo(dweight.toDoubles());
    }

    @Test
    void emptyBatches() {
        View x = TestViews.zeros(DType.F64, 0, 3);
        View c = TestViews.random(1, DType.F64, 3);
        View none = TestViews.zeros(DType.F64, 0);
        View dgamma = TestViews.garbage(DType.F64, 3);
        View dbeta = TestViews.garbage(DType.F64, 3);
        norm.layerNorm(x, c, c, EPS, x, none, none);
        norm.layerNormBackward(x, c, none, none, x, x, dgamma, dbeta);
        assertThat(dgamma.toDoubles()).containsOnly(0);
        assertThat(dbeta.toDoubles()).containsOnly(0);
        View positive = TestViews.of(DType.F64, new long[] {3}, 1, 1, 1);
        norm.batchNorm(x, c, c, c, positive, EPS, Activation.NONE, x);
        norm.batchNormBackward(x, c, c, positive, EPS, false, x, x, dgamma, null);
        assertThat(dgamma.toDoubles()).containsOnly(0);
    }

    @Test
    void batchStatisticsOfKnownColumns() {
        View x = TestViews.of(DType.F64, new long[] {2, 2, 2}, 1, 5, 2, 5, 3, 5, 6, 5);
        View mean = TestViews.garbage(DType.F64, 2);
        View variance = TestViews.garbage(DType.F64, 2);
        norm.batchStatistics(x, mean, variance);
        assertThat(mean.toDoubles()).containsExactly(3, 5);
        assertThat(variance.toDoubles()).containsExactly((4 + 1 + 0 + 9) / 4.0, 0);
    }

    @Test
    void batchNormInPlaceWithActivation() {
        View x = TestViews.of(DType.F64, new long[] {2, 2}, 1, 2, 5, 6);
        View gamma = TestViews.of(DType.F64, new long[] {2}, 2, 3);
        View beta = TestViews.of(DType.F64, new long[] {2}, 1, -1);
        View mean = TestViews.of(DType.F64, new long[] {2}, 3, 2);
        View variance = TestViews.of(DType.F64, new long[] {2}, 3, 15);
        norm.batchNorm(x, gamma, beta, mean, variance, 1, Activation.RELU, x);
        assertThat(x.toDoubles()).containsExactly(0, 0, 3, 2);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void batchNormBackward(boolean batch) {
        View x = TestViews.strided(1, DType.F64, 2, 3, 2, 4);
        View gamma = TestViews.random(2, DType.F64, 4);
        View beta = TestViews.random(3, DType.F64, 4);
        View y = TestViews.garbage(DType.F64, 2, 3, 2, 4);
        View dy = TestViews.strided(4, DType.F64, 2, 3, 2, 4);
        View mean = TestViews.of(DType.F64, new long[] {4}, 0.5, -1, 2, 0);
        View variance = TestViews.of(DType.F64, new long[] {4}, 0.5, 1, 2, 4);
        Runnable forward = () -> {
            if (batch) {
                norm.batchStatistics(x, mean, variance);
            }
            norm.batchNorm(x, gamma, beta, mean, variance, EPS, Activation.NONE, y);
        };
        forward.run();
        View dx = TestViews.garbage(DType.F64, 2, 3, 2, 4);
        View dgamma = TestViews.garbage(DType.F64, 4);
        View dbeta = TestViews.garbage(DType.F64, 4);
        norm.batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, dx, dgamma, dbeta);
        new GradientCheck("batch norm", y, dy, forward)
                .input("x", x, dx)
                .input("gamma", gamma, dgamma)
                .input("beta", beta, dbeta);

        View alone = TestViews.garbage(DType.F64, 2, 3, 2, 4);
        forward.run();
        norm.batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, alone, null, null);
        assertThat(alone.toDoubles()).isEqualTo(dx.toDoubles());
    }

    @Test
    void runningStatisticsUseTheUnbiasedVariance() {
        View mean = TestViews.of(DType.F64, new long[] {1}, 10);
        View variance = TestViews.of(DType.F64, new long[] {1}, 3);
        View runningMean = TestViews.of(DType.F64, new long[] {1}, 2);
        View runningVariance = TestViews.of(DType.F64, new long[] {1}, 1);
        norm.updateRunning(mean, variance, 4, 0.25, runningMean, runningVariance);
        assertThat(runningMean.get(0)).isCloseTo(0.75 * 2 + 0.25 * 10, within(1e-15));
        assertThat(runningVariance.get(0)).isCloseTo(0.75 * 1 + 0.25 * 4, within(1e-15));
    }
}
