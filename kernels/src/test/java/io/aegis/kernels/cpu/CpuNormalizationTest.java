package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuNormalizationTest {
    private static final double EPS = 1e-5;

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 72", "13, 63", "65, 64", "197, 65", "9, 129", "129, 577", "577, 13", "0, 5", "700, 48"})
    void layerNorm(int rows, int width) {
        View x = random(1, rows, width);
        View gamma = random(2, width);
        View beta = random(3, width);
        View dy = random(4, rows, width);
        View mean = garbage(rows);
        View rstd = garbage(rows);
        Twin.compare("forward", to(garbage(rows, width), mean, rstd), (k, d) -> k.normalization()
                .layerNorm(x, gamma, beta, 1e-6, d[0], d[1], d[2]));
        Twin.fast().normalization().layerNorm(x, gamma, beta, EPS, garbage(rows, width), mean, rstd);
        Twin.compare("backward", to(garbage(rows, width), garbage(width), garbage(width)), (k, d) -> k.normalization()
                .layerNormBackward(x, gamma, mean, rstd, dy, d[0], d[1], d[2]));
        Twin.compare("dx alone", to(garbage(rows, width)), (k, d) -> k.normalization()
                .layerNormBackward(x, gamma, mean, rstd, dy, d[0], null, null));
        View gaps = TestViews.strided(5, DType.F32, rows, width);
        Twin.compare("gaps", to(garbage(rows, width)), (k, d) -> k.normalization()
                .layerNorm(gaps, gamma, beta, EPS, d[0], null, null));
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "1, 72",
        "13, 63",
        "65, 64",
        "197, 65",
        "9, 129",
        "129, 577",
        "577, 13",
        "0, 5",
        "700, 48",
        "3, 4099"
    })
    void rmsNorm(int rows, int width) {
        View x = random(1, rows, width);
        View weight = random(2, width);
        View dy = random(3, rows, width);
        View rstd = garbage(rows);
        Twin.compare("forward", to(garbage(rows, width), rstd), (k, d) -> k.normalization()
                .rmsNorm(x, weight, 1e-6, d[0], d[1]));
        Twin.compare("in place", to(x), (k, d) -> k.normalization().rmsNorm(d[0], weight, EPS, d[0], null));
        // A large eps: with a row of one element and a small one, all of dx cancels.
        Twin.fast().normalization().rmsNorm(x, weight, 0.5, garbage(rows, width), rstd);
        Twin.compare("backward", to(garbage(rows, width), garbage(width)), (k, d) -> k.normalization()
                .rmsNormBackward(x, weight, rstd, dy, d[0], d[1]));
        Twin.compare("dx alone", to(garbage(rows, width)), (k, d) -> k.normalization()
                .rmsNormBackward(x, weight, rstd, dy, d[0], null));
        View gaps = TestViews.strided(5, DType.F32, rows, width);
        Twin.compare(
                "gaps", to(garbage(rows, width)), (k, d) -> k.normalization().rmsNorm(gaps, weight, EPS, d[0], null));
    }

    @ParameterizedTest
    @CsvSource({"5, 1", "3, 72", "13, 63", "65, 64", "197, 65", "9, 129", "129, 577", "577, 13", "700, 48"})
    void batchNorm(int rows, int channels) {
        View x = random(1, rows, channels);
        // Far from zero: the two-pass variance must not cancel.
        Twin.fast().elementwise().affine(x, 0.5, 3, x);
        View gamma = random(2, channels);
        View beta = random(3, channels);
        View dy = random(4, rows, channels);
        View mean = garbage(channels);
        View variance = garbage(channels);
        Twin.compare(
                "statistics", to(mean, variance), (k, d) -> k.normalization().batchStatistics(x, d[0], d[1]));
        Twin.fast().normalization().batchStatistics(x, mean, variance);
        for (Activation f : Activation.values()) {
            if (f != Activation.LOG && f != Activation.SQRT) {
                Twin.compare("forward " + f, to(garbage(rows, channels)), (k, d) -> k.normalization()
                        .batchNorm(x, gamma, beta, mean, variance, EPS, f, d[0]));
            }
        }
        for (boolean batch : new boolean[] {true, false}) {
            Twin.compare(
                    "backward",
                    to(garbage(rows, channels), garbage(channels), garbage(channels)),
                    (k, d) -> k.normalization()
                            .batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, d[0], d[1], d[2]));
            Twin.compare("dx alone", to(garbage(rows, channels)), (k, d) -> k.normalization()
                    .batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, d[0], null, null));
        }
        Twin.compare("running", to(random(6, channels), random(7, channels)), (k, d) -> k.normalization()
                .updateRunning(mean, variance, rows, 0.1, d[0], d[1]));
    }
}
