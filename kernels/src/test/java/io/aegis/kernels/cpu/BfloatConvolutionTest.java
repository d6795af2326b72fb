package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Convolutions by patches of bfloat16 beside the plain kernels, which are given operands that are rounded already. */
class BfloatConvolutionTest {
    private static final Gemm WIDENING = new WideningGemm(new OpenBlas());
    private static final Gemm NATIVE = OneDnn.bfloat16(WIDENING).use();

    private static Convolution convolution(long small) {
        return new CpuConvolution(
                Twin.fast().convolution(), Twin.fast().elementwise(), NATIVE != null ? NATIVE : WIDENING, small);
    }

    @ParameterizedTest(name = "B{0} H{1} W{2} C{3} O{4} {5}x{6} stride {7} padding {8}")
    @CsvSource({
        "1, 1, 1, 1, 1, 1, 1, 1, 0",
        "2, 14, 14, 13, 17, 3, 3, 1, 1",
        "2, 28, 28, 3, 65, 14, 14, 14, 0",
        "2, 19, 19, 64, 63, 1, 1, 1, 0",
        "1, 33, 20, 9, 24, 3, 2, 2, 1",
    })
    void forwardAndBackward(int b, int h, int w, int c, int o, int kh, int kw, int stride, int padding) {
        Geometry g = new Geometry(stride, padding, 1);
        View x = random(1, b, h, w, c);
        View weight = random(2, o, kh, kw, c).permute(0, 3, 1, 2);
        View bias = random(3, o);
        View dy = random(4, b, g.out(h, kh), g.out(w, kw), o);
        Convolution plain = Backends.scalar().convolution();
        Convolution got = convolution(0);
        for (View some : new View[] {bias, null}) {
            View[] y = {garbage(dy.shape()), garbage(dy.shape())};
            plain.forward(rounded(x), rounded(weight), some, g, y[0]);
            got.forward(x, weight, some, g, y[1]);
            same("y", y);
        }
        View[] dx = {garbage(x.shape()), garbage(x.shape())};
        plain.backwardInput(rounded(dy), rounded(weight), g, dx[0]);
        got.backwardInput(dy, weight, g, dx[1]);
        same("dx", dx);
        View[] dw = {garbage(weight.shape()), garbage(weight.shape())};
        View[] db = {garbage(o), garbage(o)};
        plain.backwardWeight(rounded(x), rounded(dy), g, dw[0], null);
        plain.backwardWeight(x, dy, g, null, db[0]);
        got.backwardWeight(x, dy, g, dw[1], db[1]);
        same("dw", dw);
        same("db", db);
    }

    /** Products too small to gain anything, and channels on their own, are float32's, to the bit. */
    @Test
    void whatGainsNothingIsExact() {
        View x = random(1, 1, 9, 9, 13);
        for (Geometry g : new Geometry[] {Geometry.SAME_3X3, Geometry.depthwise3x3(13)}) {
            View w = random(2, 13, 13 / g.groups(), 3, 3);
            Convolution some = convolution(g.groups() == 1 ? 81 * 9 * 13 * 13 + 1 : 0);
            Convolution exact = Twin.fast().convolution();
            View[] y = {garbage(x.shape()), garbage(x.shape())};
            exact.forward(x, w, null, g, y[0]);
            some.forward(x, w, null, g, y[1]);
            assertThat(y[1].toDoubles()).isEqualTo(y[0].toDoubles());
            exact.backwardInput(x, w, g, y[0]);
            some.backwardInput(x, w, g, y[1]);
            assertThat(y[1].toDoubles()).isEqualTo(y[0].toDoubles());
            View[] dw = {garbage(w.shape()), garbage(w.shape())};
            exact.backwardWeight(x, x, g, dw[0], null);
            some.backwardWeight(x, x, g, dw[1], null);
            assertThat(dw[1].toDoubles()).isEqualTo(dw[0].toDoubles());
        }
    }

    /** As in {@link Twin}: sums of at most 784 products in float32, in another order. */
    private static void same(String what, View[] pair) {
        double[] want = pair[0].toDoubles();
        double[] have = pair[1].toDoubles();
        double largest = 1e-30;
        for (double x : want) {
            largest = Math.max(largest, Math.abs(x));
        }
        for (int i = 0; i < want.length; i++) {
            assertThat(have[i]).as("%s, element %d", what, i).isCloseTo(want[i], within(1e-5 * largest));
        }
    }

    private static View rounded(View x) {
        View wide = TestViews.zeros(DType.F32, x.shape());
        View narrow = TestViews.zeros(DType.BF16, x.shape());
        Backends.scalar().elementwise().copy(x, narrow);
        Backends.scalar().elementwise().copy(narrow, wide);
        return wide;
    }
}
