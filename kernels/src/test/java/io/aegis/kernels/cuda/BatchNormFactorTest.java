package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Elementwise.Binary;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.Normalization.Factor;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Batch norm, activation and a factor in one pass, and back: the bits of one after the other, in fewer launches. */
class BatchNormFactorTest {
    private static final double EPS = 1e-5;

    private static List<Channels> norms(int n, long c) {
        List<Channels> out = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            View variance = random(60 + i, c);
            for (long k = 0; k < c; k++) {
                variance.setAt(k, 0.3 + Math.abs(variance.getAt(k)));
            }
            out.add(new Channels(random(30 + i, c), random(40 + i, c), random(50 + i, c), variance));
        }
        return out;
    }

    /** A map behind first tokens, as the masks' are; or one whose rows are no words of 4. */
    private static View tokens(View v, boolean first) {
        View all = TestViews.random(7, v.dtype(), v.size(0), v.size(1) + 1, v.size(2));
        return first ? all.slice(1, 1, all.size(1)) : v;
    }

    @ParameterizedTest(name = "{0} layers of {1} x {2} rows, {3} channels, {4}")
    @CsvSource({
        "3, 2, 9, 13, SIGMOID",
        "3, 1, 70, 132, SIGMOID", // two words of channels
        "1, 3, 5, 8, RELU",
        "2, 2, 4, 36, NONE",
        "4, 1, 3, 4, GELU",
    })
    void theBitsAreThoseOfOneAfterTheOther(int n, int b, int rows, int c, Activation f) {
        Kernels k = CudaTwin.kernels(Precision.F32);
        View x = random(1, (long) n * b, rows, c);
        View times = tokens(random(2, x.shape()), true);
        View dy = tokens(random(3, x.shape()), b > 1);
        List<Channels> norms = norms(n, c);

        View activated = garbage(x.shape());
        View expected = garbage(x.shape());
        k.normalization().batchNorm(x, norms, EPS, f, activated);
        k.elementwise().binary(Binary.MULTIPLY, activated, times, expected);
        View y = tokens(garbage(x.shape()), true);
        assertThat(launches(k, () -> k.normalization().batchNorm(x, norms, EPS, f, times, y)))
                .isEqualTo(Map.of("batch_norm", 1));
        assertThat(y.toDoubles()).isEqualTo(expected.toDoubles());

        for (boolean batch : new boolean[] {true, false}) {
            View[] want = destinations(x, n);
            View slope = garbage(x.shape());
            k.elementwise().binary(Binary.MULTIPLY, dy, activated, want[0]);
            k.elementwise().binary(Binary.MULTIPLY, dy, times, slope);
            k.normalization()
                    .batchNormBackward(x, norms, EPS, batch, f, slope, want[1], gammas(want, n), betas(want, n));
            View[] got = destinations(x, n);
            Factor factor = new Factor(times, got[0]);
            assertThat(launches(k, () -> k.normalization()
                            .batchNormBackward(
                                    x, norms, EPS, batch, f, factor, dy, got[1], gammas(got, n), betas(got, n))))
                    .isEqualTo(Map.of("batch_norm_sums", 1, "batch_norm_backward", 1));
            for (int i = 0; i < got.length; i++) {
                assertThat(got[i].toDoubles()).as("destination %s", i).isEqualTo(want[i].toDoubles());
            }
            View alone = garbage(x.shape());
            k.normalization()
                    .batchNormBackward(
                            x, norms, EPS, batch, f, new Factor(times, alone), dy, null, new View[n], new View[n]);
            assertThat(alone.toDoubles()).isEqualTo(want[0].toDoubles());
            View without = garbage(x.shape());
            k.normalization()
                    .batchNormBackward(
                            x, norms, EPS, batch, f, new Factor(times, null), dy, without, new View[n], new View[n]);
            assertThat(without.toDoubles()).isEqualTo(want[1].toDoubles());
        }
    }

    private interface Pass {
        boolean go();
    }

    private static Map<String, Integer> launches(Kernels k, Pass pass) {
        return CudaBackend.launches(k, () -> assertThat(pass.go()).isTrue());
    }

    /** Gradients of the factor, of x, and of each layer's gain and shift. */
    private static View[] destinations(View x, int n) {
        View[] out = new View[2 + 2 * n];
        Arrays.setAll(out, i -> i < 2 ? garbage(x.shape()) : garbage(x.size(-1)));
        return to(out);
    }

    private static View[] gammas(View[] all, int n) {
        return Arrays.copyOfRange(all, 2, 2 + n);
    }

    private static View[] betas(View[] all, int n) {
        return Arrays.copyOfRange(all, 2 + n, 2 + 2 * n);
    }
}
