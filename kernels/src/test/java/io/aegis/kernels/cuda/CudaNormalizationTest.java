package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaNormalizationTest {
    private static final double EPS = 1e-5;

    // Widths on either side of what one, two, four and eight warps take; rows for one and for several turns of a team.
    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "1, 72",
        "13, 63",
        "65, 64",
        "197, 65",
        "9, 129",
        "129, 576",
        "577, 13",
        "0, 5",
        "700, 48",
        "40, 1028",
        "3, 4100",
        "2, 8192"
    })
    void layerNorm(int rows, int width) {
        View x = random(1, rows, width);
        View gamma = random(2, width);
        View beta = random(3, width);
        View dy = random(4, rows, width);
        View mean = garbage(rows);
        View rstd = garbage(rows);
        CudaTwin.compare("forward", to(garbage(rows, width), mean, rstd), (k, d) -> k.normalization()
                .layerNorm(x, gamma, beta, 1e-6, d[0], d[1], d[2]));
        Backends.scalar().normalization().layerNorm(x, gamma, beta, EPS, garbage(rows, width), mean, rstd);
        CudaTwin.compare(
                "backward", to(garbage(rows, width), garbage(width), garbage(width)), (k, d) -> k.normalization()
                        .layerNormBackward(x, gamma, mean, rstd, dy, d[0], d[1], d[2]));
        CudaTwin.compare("dx alone", to(garbage(rows, width)), (k, d) -> k.normalization()
                .layerNormBackward(x, gamma, mean, rstd, dy, d[0], null, null));
        CudaTwin.compare("dgamma alone", to(garbage(width)), (k, d) -> k.normalization()
                .layerNormBackward(x, gamma, mean, rstd, dy, null, d[0], null));
        CudaTwin.compare("dbeta alone", to(garbage(width)), (k, d) -> k.normalization()
                .layerNormBackward(x, gamma, mean, rstd, dy, null, null, d[0]));
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "1, 72",
        "13, 63",
        "65, 64",
        "197, 65",
        "9, 129",
        "129, 576",
        "577, 13",
        "0, 5",
        "700, 48",
        "40, 1028",
        "3, 4099",
        "1, 16384"
    })
    void rmsNorm(int rows, int width) {
        View x = random(1, rows, width);
        View weight = random(2, width);
        View dy = random(3, rows, width);
        View rstd = garbage(rows);
        CudaTwin.compare("forward", to(garbage(rows, width), rstd), (k, d) -> k.normalization()
                .rmsNorm(x, weight, 1e-6, d[0], d[1]));
        CudaTwin.compare("in place", to(x), (k, d) -> k.normalization().rmsNorm(d[0], weight, EPS, d[0], null));
        if (width > 8192) {
            return; // its backward does not fit into shared memory here
        }
        // A large eps: with a row of one element and a small one, all of dx cancels.
        Backends.scalar().normalization().rmsNorm(x, weight, 0.5, garbage(rows, width), rstd);
        CudaTwin.compare("backward", to(garbage(rows, width), garbage(width)), (k, d) -> k.normalization()
                .rmsNormBackward(x, weight, rstd, dy, d[0], d[1]));
        CudaTwin.compare("dx alone", to(garbage(rows, width)), (k, d) -> k.normalization()
                .rmsNormBackward(x, weight, rstd, dy, d[0], null));
        CudaTwin.compare("dweight alone", to(garbage(width)), (k, d) -> k.normalization()
                .rmsNormBackward(x, weight, rstd, dy, null, d[0]));
    }

    /** With vectors of float32 and of the rows' own type; widths of whole words of 8 and not. */
    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "1, 72",
        "13, 63",
        "65, 64",
        "197, 68",
        "9, 129",
        "129, 576",
        "0, 5",
        "700, 48",
        "3, 4104",
        "2, 8192"
    })
    void rowsOf16Bits(int rows, int width) {
        for (DType type : CudaTwin.NARROW) {
            for (DType vectors : List.of(DType.F32, type)) {
                String what = type + " by " + vectors + " ";
                View x = TestViews.random(1, type, rows, width);
                View dy = TestViews.random(2, type, rows, width);
                View y = TestViews.garbage(type, rows, width);
                View gamma = TestViews.random(3, vectors, width);
                View beta = TestViews.random(4, vectors, width);
                View sum = TestViews.garbage(vectors, width);
                View mean = garbage(rows);
                View rstd = garbage(rows);
                narrow(what + "layer norm", to(y), (k, d) -> k.layerNorm(x, gamma, beta, 0.5, d[0], null, null));
                narrow(
                        what + "its statistics",
                        to(mean, rstd),
                        (k, d) -> k.layerNorm(x, gamma, beta, 0.5, TestViews.garbage(type, rows, width), d[0], d[1]));
                Backends.scalar()
                        .normalization()
                        .layerNorm(x, gamma, beta, 0.5, TestViews.copies(to(y))[0], mean, rstd);
                narrow(
                        what + "layer norm back",
                        to(y),
                        (k, d) -> k.layerNormBackward(x, gamma, mean, rstd, dy, d[0], null, null));
                narrow(
                        what + "its sums",
                        to(sum, sum),
                        (k, d) -> k.layerNormBackward(x, gamma, mean, rstd, dy, null, d[0], d[1]));
                narrow(
                        what + "all of it",
                        to(y, sum, sum),
                        (k, d) -> k.layerNormBackward(x, gamma, mean, rstd, dy, d[0], d[1], d[2]));
                narrow(what + "RMS norm", to(y), (k, d) -> k.rmsNorm(x, gamma, 0.5, d[0], null));
                narrow(what + "in place", to(x), (k, d) -> k.rmsNorm(d[0], gamma, 0.5, d[0], null));
                narrow(
                        what + "its reciprocals",
                        to(rstd),
                        (k, d) -> k.rmsNorm(x, gamma, 0.5, TestViews.garbage(type, rows, width), d[0]));
                Backends.scalar().normalization().rmsNorm(x, gamma, 0.5, TestViews.copies(to(y))[0], rstd);
                narrow(what + "RMS norm back", to(y, sum), (k, d) -> k.rmsNormBackward(x, gamma, rstd, dy, d[0], d[1]));
            }
        }
    }

    /** The last bits of what has the coarsest type are what may differ. */
    private static void narrow(String what, View[] destinations, BiConsumer<Normalization, View[]> call) {
        double most = Arrays.stream(destinations)
                .mapToDouble(d -> CudaTwin.rounding(d.dtype()))
                .max()
                .orElseThrow();
        CudaTwin.compare(what, Precision.F32, most, destinations, (k, d) -> call.accept(k.normalization(), d));
    }

    /** Words of 8 where rows begin at a multiple of 16 bytes, single numbers where they do not, and gaps. */
    @Test
    void rowsOf16BitsAnywhere() {
        for (DType type : CudaTwin.NARROW) {
            View gamma = random(2, 72);
            View beta = random(3, 72);
            View tokens = TestViews.random(1, type, 4, 11, 88);
            View grid = tokens.slice(1, 1, 11).slice(2, 8, 80);
            View odd = tokens.slice(1, 1, 11).slice(2, 4, 76);
            View apart = TestViews.strided(5, type, 6, 7, 72);
            for (View x : new View[] {grid, odd, apart}) {
                View y = TestViews.strided(6, type, x.shape());
                View rstd = garbage(x.elements() / 72);
                View dy = TestViews.strided(7, type, x.shape());
                narrow("forward of " + x, to(y), (k, d) -> k.layerNorm(x, gamma, beta, EPS, d[0], null, null));
                Backends.scalar().normalization().rmsNorm(x, gamma, EPS, TestViews.copies(to(y))[0], rstd);
                narrow("backward of " + x, to(y), (k, d) -> k.rmsNormBackward(x, gamma, rstd, dy, d[0], null));
            }
        }
    }

    /** Rows of one type and results of another, and vectors of the other 16 bits, are the host's: right, and not on the device. */
    @Test
    void mixedTypesAreComputedOnTheHost() {
        View x = TestViews.random(1, DType.BF16, 5, 16);
        for (DType vectors : List.of(DType.F32, DType.F16)) {
            View gamma = TestViews.random(2, vectors, 16);
            DType results = vectors == DType.F32 ? DType.F32 : DType.BF16;
            View expected = TestViews.garbage(results, 5, 16);
            View got = TestViews.garbage(results, 5, 16);
            Backends.scalar().normalization().rmsNorm(x, gamma, EPS, expected, null);
            CudaTwin.kernels(Precision.F32).normalization().rmsNorm(x, gamma, EPS, got, null);
            assertThat(got.toDoubles()).isEqualTo(expected.toDoubles());
            assertThat(got.buffer().device().kind()).isNotEqualTo(Device.Kind.CUDA);
        }
    }

    @Test
    void rowsAnywhere() {
        View gamma = random(2, 72);
        View beta = random(3, 72);
        View tokens = random(1, 4, 11, 80);
        View class1 = tokens.slice(1, 1, 2).slice(2, 4, 76); //     one stride, aligned
        View grid = tokens.slice(1, 1, 11).slice(2, 4, 76); //      two strides, aligned
        View odd = tokens.slice(1, 1, 11).slice(2, 3, 75); //       not aligned
        View apart = TestViews.strided(5, DType.F32, 6, 7, 72); //  elements with gaps, reversed
        View repeated = random(6, 1, 72).expand(9, 72);
        for (View x : new View[] {class1, grid, odd, apart, repeated}) {
            View y = garbage(x.shape());
            long rows = x.elements() / 72;
            View mean = garbage(rows);
            View rstd = garbage(rows);
            Backends.scalar().normalization().layerNorm(x, gamma, beta, EPS, y, mean, rstd);
            View dy = TestViews.strided(7, DType.F32, x.shape());
            CudaTwin.compare("forward of " + x, to(y), (k, d) -> k.normalization()
                    .layerNorm(x, gamma, beta, EPS, d[0], null, null));
            CudaTwin.compare("backward of " + x, to(y, gamma), (k, d) -> k.normalization()
                    .layerNormBackward(x, gamma, mean, rstd, dy, d[0], d[1], null));
            CudaTwin.compare("statistics of " + x, to(gamma, gamma), (k, d) -> k.normalization()
                    .batchStatistics(x, d[0], d[1]));
            View variance = random(8, 72);
            Backends.scalar().normalization().batchStatistics(x, garbage(72), variance);
            CudaTwin.compare("batch norm of " + x, to(y), (k, d) -> k.normalization()
                    .batchNorm(x, gamma, beta, beta, variance, EPS, Activation.RELU, d[0]));
            CudaTwin.compare("its backward of " + x, to(y, gamma, beta), (k, d) -> k.normalization()
                    .batchNormBackward(x, gamma, beta, variance, EPS, true, dy, d[0], d[1], d[2]));
        }
        View into = TestViews.strided(9, DType.F32, 4, 10, 72);
        CudaTwin.compare(
                "into gaps", to(into), (k, d) -> k.normalization().layerNorm(grid, gamma, beta, EPS, d[0], null, null));
        CudaTwin.compare("columns into gaps", to(into), (k, d) -> k.normalization()
                .batchNorm(grid, gamma, beta, beta, beta.expand(72), 5, Activation.SILU, d[0]));
    }

    @ParameterizedTest
    @CsvSource({
        "5, 1",
        "1, 4",
        "3, 72",
        "13, 63",
        "65, 64",
        "197, 65",
        "9, 129",
        "129, 577",
        "577, 13",
        "700, 48",
        "900, 132"
    })
    void batchNorm(int rows, int channels) {
        View x = random(1, rows, channels);
        Backends.scalar().elementwise().affine(x, 0.5, 3, x);
        View gamma = random(2, channels);
        View beta = random(3, channels);
        View dy = random(4, rows, channels);
        View mean = garbage(channels);
        View variance = garbage(channels);
        CudaTwin.compare(
                "statistics", to(mean, variance), (k, d) -> k.normalization().batchStatistics(x, d[0], d[1]));
        Backends.scalar().normalization().batchStatistics(x, mean, variance);
        for (Activation f : rows == 65 ? Activation.values() : new Activation[] {Activation.RELU, Activation.SIGMOID}) {
            CudaTwin.compare("forward " + f, to(garbage(rows, channels)), (k, d) -> k.normalization()
                    .batchNorm(x, gamma, beta, mean, variance, EPS, f, d[0]));
        }
        CudaTwin.compare("in place", to(x), (k, d) -> k.normalization()
                .batchNorm(d[0], gamma, beta, mean, variance, EPS, Activation.NONE, d[0]));
        for (boolean batch : new boolean[] {true, false}) {
            CudaTwin.compare(
                    "backward",
                    to(garbage(rows, channels), garbage(channels), garbage(channels)),
                    (k, d) -> k.normalization()
                            .batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, d[0], d[1], d[2]));
            CudaTwin.compare("dx alone", to(garbage(rows, channels)), (k, d) -> k.normalization()
                    .batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, d[0], null, null));
            CudaTwin.compare("dbeta alone", to(garbage(channels)), (k, d) -> k.normalization()
                    .batchNormBackward(x, gamma, mean, variance, EPS, batch, dy, null, null, d[0]));
        }
        CudaTwin.compare(
                "running",
                to(random(6, channels), random(7, 2 * channels).slice(0, 0, channels)),
                (k, d) -> k.normalization().updateRunning(mean, variance, rows + 1, 0.1, d[0], d[1]));
    }

    /** A mean of 1000 deviations: sums of squares would lose every digit of the variance, and all 24 bits of a row's. */
    @Test
    void aLargeMeanDoesNotCancel() {
        View x = random(1, 700, 64);
        Backends.scalar().elementwise().affine(x, 1, 1000, x);
        View ones = TestViews.zeros(DType.F32, 64);
        Backends.scalar().elementwise().affine(ones, 1, 1, ones);
        View zeros = TestViews.zeros(DType.F32, 64);
        CudaTwin.compare(
                "variance", to(garbage(64)), (k, d) -> k.normalization().batchStatistics(x, random(2, 64), d[0]));
        CudaTwin.compare("rows", to(garbage(700, 64)), (k, d) -> k.normalization()
                .layerNorm(x, ones, zeros, EPS, d[0], null, null));
    }

    /** A channel or a row that is not finite is so afterwards, and no other one is. */
    @Test
    void notFinite() {
        View x = random(1, 20, 16);
        x.set(Double.NaN, 3, 2);
        x.set(Double.POSITIVE_INFINITY, 0, 5);
        x.set(Double.NEGATIVE_INFINITY, 7, 9);
        View gamma = random(2, 16);
        View beta = random(3, 16);
        CudaTwin.compare("rows", to(garbage(20, 16)), (k, d) -> k.normalization()
                .layerNorm(x, gamma, beta, EPS, d[0], null, null));
        CudaTwin.compare("rows by squares", to(garbage(20, 16)), (k, d) -> k.normalization()
                .rmsNorm(x, gamma, EPS, d[0], null));
        CudaTwin.compare("channels", to(garbage(16), garbage(16)), (k, d) -> k.normalization()
                .batchStatistics(x, d[0], d[1]));
        for (Activation f : new Activation[] {Activation.NONE, Activation.RELU, Activation.GELU}) {
            CudaTwin.compare("normalised " + f, to(garbage(20, 16)), (k, d) -> k.normalization()
                    .batchNorm(x, gamma, beta, beta, random(4, 16).expand(16), 9, f, d[0]));
        }
    }
}
