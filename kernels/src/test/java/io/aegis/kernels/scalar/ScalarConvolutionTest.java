package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import io.aegis.kernels.Convolution.Geometry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScalarConvolutionTest {
    private final Convolution convolution = Backends.scalar().convolution();

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 1, 1, 1, 1, 0, 1",
        "2, 4, 5, 3, 2, 3, 3, 1, 1, 1",
        "1, 1, 1, 2, 3, 3, 3, 1, 1, 1",
        "2, 6, 4, 3, 4, 2, 2, 2, 0, 1",
        "1, 7, 6, 2, 2, 3, 2, 2, 1, 1",
        "2, 3, 4, 5, 5, 3, 3, 1, 1, 5",
        "1, 4, 4, 4, 6, 3, 3, 1, 2, 2",
        "2, 3, 3, 4, 5, 1, 1, 1, 0, 1",
        "0, 3, 3, 2, 2, 3, 3, 1, 1, 1",
    })
    void matchesTheDefinitionAndFiniteDifferences(
            int b, int h, int w, int c, int o, int kh, int kw, int stride, int padding, int groups) {
        Geometry geometry = new Geometry(stride, padding, groups);
        long outH = geometry.out(h, kh);
        long outW = geometry.out(w, kw);
        View x = TestViews.strided(1, DType.F64, b, h, w, c);
        View weight = channelsLast(TestViews.random(2, DType.F64, o, c / groups, kh, kw));
        View bias = TestViews.random(3, DType.F64, o);
        View y = TestViews.garbage(DType.F64, b, outH, outW, o);
        convolution.forward(x, weight, bias, geometry, y);
        for (int p = 0; p < b; p++) {
            for (int i = 0; i < outH; i++) {
                for (int j = 0; j < outW; j++) {
                    for (int f = 0; f < o; f++) {
                        double expected = bias.get(f) + tapSum(x, weight, geometry, p, i, j, f);
                        assertThat(y.get(p, i, j, f)).isCloseTo(expected, within(1e-13));
                    }
                }
            }
        }
        View dy = TestViews.strided(4, DType.F64, b, outH, outW, o);
        View dx = TestViews.garbage(DType.F64, b, h, w, c);
        View dweight = channelsLast(TestViews.garbage(DType.F64, o, c / groups, kh, kw));
        View dbias = TestViews.garbage(DType.F64, o);
        convolution.backwardInput(dy, weight, geometry, dx);
        convolution.backwardWeight(x, dy, geometry, dweight, dbias);
        new GradientCheck("conv2d", y, dy, () -> convolution.forward(x, weight, bias, geometry, y))
                .input("x", x, dx)
                .input("weight", weight, dweight)
                .input("bias", bias, dbias);
    }

    @Test
    void optionalViewsMayBeNull() {
        View x = TestViews.random(1, DType.F64, 1, 3, 3, 2);
        View weight = TestViews.random(2, DType.F64, 2, 2, 3, 3);
        View zero = TestViews.zeros(DType.F64, 2);
        View y = TestViews.garbage(DType.F64, 1, 3, 3, 2);
        View z = TestViews.garbage(DType.F64, 1, 3, 3, 2);
        convolution.forward(x, weight, null, Geometry.SAME_3X3, y);
        convolution.forward(x, weight, zero, Geometry.SAME_3X3, z);
        assertThat(y.toDoubles()).isEqualTo(z.toDoubles());
        View dweight = TestViews.garbage(DType.F64, 2, 2, 3, 3);
        View dbias = TestViews.garbage(DType.F64, 2);
        convolution.backwardWeight(x, y, Geometry.SAME_3X3, dweight, null);
        convolution.backwardWeight(x, y, Geometry.SAME_3X3, null, dbias);
        assertThat(dweight.toDoubles()).doesNotContain(Double.NaN);
        assertThat(dbias.toDoubles()).doesNotContain(Double.NaN);
    }

    /** conv(x, effective) = conv(x, w) - theta conv1x1(x, sum of w's taps), also at the border. */
    @Test
    void centralDifferenceIsTwoConvolutions() {
        double theta = 0.7;
        View x = TestViews.random(1, DType.F64, 2, 4, 3, 2);
        View weight = channelsLast(TestViews.random(2, DType.F64, 3, 2, 3, 3));
        View effective = TestViews.garbage(DType.F64, 3, 2, 3, 3);
        convolution.centralDifference(weight, theta, effective);
        View sums = TestViews.zeros(DType.F64, 3, 2, 1, 1);
        for (int o = 0; o < 3; o++) {
            for (int i = 0; i < 2; i++) {
                double sum = 0;
                for (double tap : weight.select(0, o).select(0, i).toDoubles()) {
                    sum += tap;
                }
                sums.set(sum, o, i, 0, 0);
            }
        }
        View one = TestViews.garbage(DType.F64, 2, 4, 3, 3);
        View plain = TestViews.garbage(DType.F64, 2, 4, 3, 3);
        View centre = TestViews.garbage(DType.F64, 2, 4, 3, 3);
        convolution.forward(x, effective, null, Geometry.SAME_3X3, one);
        convolution.forward(x, weight, null, Geometry.SAME_3X3, plain);
        convolution.forward(x, sums, null, Geometry.POINTWISE, centre);
        for (int i = 0; i < one.elements(); i++) {
            assertThat(one.getAt(i)).isCloseTo(plain.getAt(i) - theta * centre.getAt(i), within(1e-13));
        }
    }

    @Test
    void centralDifferenceBackward() {
        View weight = channelsLast(TestViews.random(1, DType.F64, 3, 2, 3, 3));
        View effective = TestViews.garbage(DType.F64, 3, 2, 3, 3);
        View deffective = TestViews.strided(2, DType.F64, 3, 2, 3, 3);
        View dweight = TestViews.garbage(DType.F64, 3, 2, 3, 3);
        convolution.centralDifferenceBackward(deffective, 0.7, dweight);
        new GradientCheck(
                        "central difference",
                        effective,
                        deffective,
                        () -> convolution.centralDifference(weight, 0.7, effective))
                .input("weight", weight, dweight);
    }

    private static double tapSum(View x, View weight, Geometry g, int p, int i, int j, int f) {
        long perGroup = weight.size(0) / g.groups();
        double sum = 0;
        for (int c = 0; c < weight.size(1); c++) {
            for (int u = 0; u < weight.size(2); u++) {
                for (int v = 0; v < weight.size(3); v++) {
                    int row = i * g.stride() + u - g.padding();
                    int col = j * g.stride() + v - g.padding();
                    if (row >= 0 && row < x.size(1) && col >= 0 && col < x.size(2)) {
                        sum += x.get(p, row, col, f / perGroup * weight.size(1) + c) * weight.get(f, c, u, v);
                    }
                }
            }
        }
        return sum;
    }

    /** The same values in the memory order that the fast kernels like. */
    private static View channelsLast(View weight) {
        long[] shape = weight.shape();
        long[] strides = Convolution.channelsLast(shape[0], shape[1], shape[2], shape[3]);
        View v = View.of(TestViews.zeros(DType.F64, shape).buffer(), DType.F64, 0, shape, strides);
        Backends.scalar().elementwise().copy(weight, v);
        return v;
    }
}
