package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Matmul.Epilogue;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RoundedKernelsTest {
    /** Half of the spacing of 8 significant bits, of the smallest number in a binade; and two roundings of float32. */
    private static final double HALF_SPACING = 0x1p-8 + 0x1p-22;

    private static final List<Kernels> DRAWS = RoundedKernels.draws(Backends.scalar(), DType.BF16, 8);

    private static double[] stored(Kernels kernels, View x) {
        View y = TestViews.zeros(DType.F32, x.shape());
        Backends.scalar().elementwise().copy(x, y);
        kernels.stored(y);
        return y.toDoubles();
    }

    @Test
    void theFirstDrawIsTheTypeItself() {
        View x = TestViews.random(1, DType.F32, 200);
        View narrow = TestViews.zeros(DType.BF16, 200);
        Backends.scalar().elementwise().copy(x, narrow);
        assertThat(stored(DRAWS.getFirst(), x)).isEqualTo(narrow.toDoubles());
        assertThat(stored(new RoundedKernels(Backends.scalar(), DType.BF16), x)).isEqualTo(narrow.toDoubles());
    }

    /** Each draw errs by as much as the first, and no two err alike. */
    @Test
    void drawsAreEquallyFineAndDiffer() {
        int n = 20000;
        View x = TestViews.random(2, DType.F32, n);
        double[] exact = x.toDoubles();
        double[][] errors = new double[DRAWS.size()][n];
        for (int d = 0; d < errors.length; d++) {
            double[] y = stored(DRAWS.get(d), x);
            for (int i = 0; i < n; i++) {
                errors[d][i] = (y[i] - exact[i]) / exact[i];
                assertThat(Math.abs(errors[d][i])).isLessThanOrEqualTo(HALF_SPACING);
            }
        }
        for (int a = 0; a < errors.length; a++) {
            // Uniform below the half spacing, which is between 1/2 and 1 of its largest: some 0.42 of that one.
            assertThat(Math.sqrt(dot(errors[a], errors[a]) / n)).isBetween(0x1p-8 * 0.4, 0x1p-8 * 0.5);
            for (int b = 0; b < a; b++) {
                double correlation =
                        dot(errors[a], errors[b]) / Math.sqrt(dot(errors[a], errors[a]) * dot(errors[b], errors[b]));
                // Five deviations of the correlation of so many independent pairs.
                assertThat(Math.abs(correlation)).as("%d and %d", a, b).isLessThan(5 / Math.sqrt(n));
            }
        }
    }

    /** A number of the type's own stays, and so does one that was rounded before. */
    @Test
    void roundingAgainChangesNothing() {
        View exact = TestViews.of(DType.F32, new long[] {6}, 0, 1, -100, 0.15625, Double.POSITIVE_INFINITY, Double.NaN);
        View x = TestViews.random(3, DType.F32, 500);
        for (Kernels draw : DRAWS) {
            assertThat(stored(draw, exact)).isEqualTo(exact.toDoubles());
            double[] once = stored(draw, x);
            View y = TestViews.of(DType.F32, new long[] {500}, once);
            assertThat(stored(draw, y)).isEqualTo(once);
        }
    }

    static Stream<BiConsumer<Kernels, View[]>> families() {
        View x = TestViews.of(DType.F32, new long[] {1, 2, 2, 3}, 1, 2, -1, 0.5, 4, -2, 1, -0.25, 3, 2, -4, 1);
        Geometry geometry = new Geometry(1, 0, 1);
        View flat = x.reshape(4, 3);
        return Stream.of(
                (k, v) -> k.matmul()
                        .multiply(flat, v[0].reshape(3, 3).transpose(0, 1), v[2].reshape(4, 3), Epilogue.bias(v[1])),
                (k, v) -> k.matmul()
                        .multiplyRows(
                                flat, v[0].reshape(3, 3).transpose(0, 1), v[2].reshape(4, 3), Epilogue.bias(v[1])),
                (k, v) -> k.convolution().forward(x, v[0].reshape(3, 3, 1, 1), v[1], geometry, v[2]),
                (k, v) -> k.normalization().layerNorm(x, v[1], v[1], 1e-5, v[2], null, null),
                (k, v) -> k.normalization().rmsNorm(x, v[1], 1e-5, v[2], null),
                (k, v) -> k.normalization().batchNorm(x, v[1], v[1], v[3], v[4], 1e-5, Activation.NONE, v[2]));
    }

    /** Parameters are taken as a file in 16 bits would hold them; activations as they are given. */
    @ParameterizedTest
    @MethodSource("families")
    void parametersAreRounded(BiConsumer<Kernels, View[]> family) {
        View weight = TestViews.random(5, DType.F32, 3, 3);
        View bias = TestViews.random(6, DType.F32, 3);
        View mean = TestViews.random(7, DType.F32, 3);
        View variance = TestViews.of(DType.F32, new long[] {3}, 1.1, 0.7, 2.3);
        for (Kernels draw : DRAWS) {
            View ours = TestViews.garbage(DType.F32, 1, 2, 2, 3);
            family.accept(draw, new View[] {weight, bias, ours, mean, variance});
            View expected = TestViews.garbage(DType.F32, 1, 2, 2, 3);
            View w = TestViews.of(DType.F32, new long[] {3, 3}, stored(draw, weight));
            View b = TestViews.of(DType.F32, new long[] {3}, stored(draw, bias));
            family.accept(Backends.scalar(), new View[] {w, b, expected, mean, variance});
            assertThat(ours.toDoubles()).isEqualTo(expected.toDoubles());
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
