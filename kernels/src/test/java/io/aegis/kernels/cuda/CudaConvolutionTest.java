package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaConvolutionTest {
    @ParameterizedTest(name = "B{0} H{1} W{2} C{3} O{4} {5}x{6} stride {7} padding {8}")
    @CsvSource({
        "2, 14, 14, 13, 17, 3, 3, 1, 1", // odd channels: padded copies
        "1, 1, 1, 8, 8, 3, 3, 1, 1", //     the class token of an adapter
        "3, 7, 5, 33, 16, 3, 3, 1, 1",
        "1, 7, 6, 2, 2, 3, 2, 2, 1", //     stride 2, an even kernel
        "2, 9, 9, 8, 12, 3, 3, 3, 1", //    a stride as large as the kernel, but padded
        "1, 6, 6, 16, 65, 1, 1, 2, 0", //   every second pixel
        "0, 3, 3, 2, 2, 3, 3, 1, 1",
        "1, 5, 7, 64, 72, 3, 3, 1, 1", //   few tiles of a long sum: divided
        "1, 4, 6, 48, 48, 3, 3, 1, 0",
        "1, 9, 5, 32, 16, 5, 5, 1, 2",
        "1, 5, 5, 8, 8, 3, 3, 1, 4", //     more padding than kernel
        "2, 12, 12, 8, 136, 3, 1, 1, 1", // large tiles forwards
        "2, 12, 12, 132, 8, 1, 3, 1, 1", // and backwards
    })
    void dense(int b, int h, int w, int c, int o, int kh, int kw, int stride, int padding) {
        Geometry g = new Geometry(stride, padding, 1);
        for (Precision precision : Precision.values()) {
            View x = rounded(precision, random(1, b, h, w, c));
            View weight = channelsLast(rounded(precision, random(2, o, c, kh, kw)));
            View y = garbage(b, g.out(h, kh), g.out(w, kw), o);
            View dy = rounded(precision, random(4, y.shape()));
            compare(precision, "forward", to(y), (k, d) -> k.forward(x, weight, random(3, o), g, d[0]));
            compare(precision, "dx", to(garbage(b, h, w, c)), (k, d) -> k.backwardInput(dy, weight, g, d[0]));
            compare(
                    precision,
                    "dw",
                    to(channelsLast(garbage(o, c, kh, kw)), garbage(o)),
                    (k, d) -> k.backwardWeight(x, dy, g, d[0], d[1]));
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 3", "2, 13, 8", "2, 16, 12"})
    void anyLayout(int b, int c, int o) {
        Geometry g = Geometry.SAME_3X3;
        View weight = random(2, o, c, 3, 3); // as PyTorch stores it
        View bias = random(3, o);
        View y = garbage(b, 5, 6, o);
        View dy = random(4, y.shape());
        View wide = random(5, b, 5, 6, c + 8).slice(3, 4, 4 + c);
        View first = random(6, b, c, 5, 6).permute(0, 2, 3, 1);
        View tokens = random(7, b, 31, c).slice(1, 1, 31).reshape(b, 5, 6, c);
        View gaps = TestViews.strided(8, DType.F32, b, 5, 6, c);
        for (View x : new View[] {wide, first, tokens, gaps}) {
            View like =
                    View.of(garbage(x.buffer().bytes() / 4).buffer(), x.dtype(), x.offset(), x.shape(), x.strides());
            compare(Precision.F32, "forward", to(y), (k, d) -> k.forward(x, weight, bias, g, d[0]));
            compare(Precision.F32, "dx", to(like), (k, d) -> k.backwardInput(dy, weight, g, d[0]));
            compare(
                    Precision.F32,
                    "dw",
                    to(garbage(o, c, 3, 3), bias),
                    (k, d) -> k.backwardWeight(x, dy, g, d[0], d[1]));
        }
        View apart = TestViews.strided(9, DType.F32, b, 5, 6, o);
        View far = TestViews.strided(9, DType.F32, o, c, 3, 3);
        compare(Precision.F32, "y in gaps", to(apart), (k, d) -> k.forward(wide, far, null, g, d[0]));
        compare(Precision.F32, "dw in gaps", to(far), (k, d) -> k.backwardWeight(wide, apart, g, d[0], null));
        compare(Precision.F32, "bias alone", to(bias), (k, d) -> k.backwardWeight(wide, apart, g, null, d[0]));
    }

    @ParameterizedTest
    @CsvSource({"F32, BF16, F16", "BF16, BF16, F32", "BF16, F16, BF16", "F16, F16, F16"})
    void halvesAsTheyAre(Precision precision, DType of, DType weights) {
        View x = rounded(precision, rounded(of, random(1, 2, 4, 5, 16)));
        View w = rounded(precision, rounded(weights, channelsLast(random(2, 9, 16, 3, 3))));
        View half = cast(of, x);
        View halfWeight = cast(weights, w);
        compare(
                precision,
                "forward",
                to(garbage(2, 4, 5, 9)),
                (k, d) -> k.forward(half, halfWeight, null, Geometry.SAME_3X3, d[0]));
        View dy = rounded(precision, random(3, 2, 4, 5, 9));
        compare(
                precision,
                "dw",
                to(garbage(9, 16, 3, 3)),
                (k, d) -> k.backwardWeight(half, dy, Geometry.SAME_3X3, d[0], null));
    }

    @ParameterizedTest(name = "B{0} H{1} W{2} C{3} {4}x{5} stride {6} padding {7}")
    @CsvSource({
        "2, 14, 14, 96, 3, 3, 1, 1",
        "1, 3, 4, 132, 3, 3, 1, 1",
        "2, 7, 8, 13, 3, 3, 1, 1",
        "1, 1, 1, 5, 3, 3, 1, 1",
        "1, 5, 40, 4, 3, 3, 1, 0",
        "2, 7, 7, 13, 3, 3, 2, 1",
        "1, 9, 9, 16, 5, 5, 1, 2",
        "1, 6, 7, 8, 2, 3, 1, 0",
        "0, 3, 3, 8, 3, 3, 1, 1",
    })
    void depthwise(int b, int h, int w, int c, int kh, int kw, int stride, int padding) {
        Geometry g = new Geometry(stride, padding, c);
        View x = random(1, b, h, w, c);
        View wide = random(5, b, h, w, c + 3).slice(3, 1, 1 + c);
        View weight = channelsLast(random(2, c, 1, kh, kw));
        View stored = random(2, c, 1, kh, kw);
        View y = garbage(b, g.out(h, kh), g.out(w, kw), c);
        View dy = random(4, y.shape());
        View gaps = TestViews.strided(6, DType.F32, y.shape());
        for (View from : new View[] {x, wide}) {
            compare(Precision.F32, "forward", to(y), (k, d) -> k.forward(from, weight, random(3, c), g, d[0]));
            compare(
                    Precision.F32,
                    "dw",
                    to(channelsLast(garbage(c, 1, kh, kw)), garbage(c)),
                    (k, d) -> k.backwardWeight(from, dy, g, d[0], d[1]));
        }
        compare(Precision.F32, "no bias, into gaps", to(gaps), (k, d) -> k.forward(x, stored, null, g, d[0]));
        compare(Precision.F32, "dx", to(garbage(b, h, w, c)), (k, d) -> k.backwardInput(dy, weight, g, d[0]));
        compare(
                Precision.F32,
                "dw as PyTorch stores it",
                to(stored),
                (k, d) -> k.backwardWeight(x, gaps, g, d[0], null));
    }

    @ParameterizedTest(name = "B{0} H{1} W{2} C{3} O{4} {5}x{5}")
    @CsvSource({"2, 5, 5, 64, 63, 1", "1, 1, 1, 1, 1, 1", "2, 20, 20, 3, 65, 5", "1, 9, 11, 3, 8, 4", "0, 4, 4, 2, 2, 1"
    })
    void matrixProducts(int b, int h, int w, int c, int o, int patch) {
        Geometry g = new Geometry(patch, 0, 1);
        for (Precision precision : new Precision[] {Precision.F32, Precision.BF16}) {
            View x = rounded(precision, random(1, b, c, h, w)).permute(0, 2, 3, 1);
            View stored = rounded(precision, random(2, o, c, patch, patch));
            View y = garbage(b, g.out(h, patch), g.out(w, patch), o);
            View dy = rounded(precision, random(4, y.shape()));
            for (View weight : new View[] {stored, channelsLast(stored)}) {
                View like =
                        View.of(garbage(weight.elements()).buffer(), DType.F32, 0, weight.shape(), weight.strides());
                compare(precision, "forward", to(y), (k, d) -> k.forward(x, weight, random(3, o), g, d[0]));
                compare(precision, "dx", to(garbage(b, h, w, c)), (k, d) -> k.backwardInput(dy, weight, g, d[0]));
                compare(precision, "dw", to(like, garbage(o)), (k, d) -> k.backwardWeight(x, dy, g, d[0], d[1]));
            }
        }
    }

    @Test
    void centralDifference() {
        View w = channelsLast(random(1, 9, 8, 3, 3));
        View like = channelsLast(garbage(9, 8, 3, 3));
        compare(Precision.F32, "kernel", to(like, garbage(9, 8, 3, 3)), (k, d) -> {
            k.centralDifference(w, 0.7, d[0]);
            k.centralDifference(w, 0, d[1]);
        });
        compare(Precision.F32, "kernel's slope", to(like, garbage(9, 8, 3, 3)), (k, d) -> {
            k.centralDifferenceBackward(w, 0.7, d[0]);
            k.centralDifferenceBackward(w, 0.5, d[1]);
        });
    }

    /** A pixel that is not finite shows in its neighbourhood, and padding in a tile or a word does not spread it. */
    @Test
    void notFinite() {
        View x = random(1, 2, 4, 5, 5);
        x.set(Double.NaN, 0, 1, 1, 2);
        x.set(Double.POSITIVE_INFINITY, 1, 3, 4, 4);
        View w = channelsLast(random(2, 7, 5, 3, 3));
        for (Precision precision : Precision.values()) {
            compare(
                    precision,
                    "dense",
                    to(garbage(2, 4, 5, 7)),
                    (k, d) -> k.forward(rounded(precision, x), rounded(precision, w), null, Geometry.SAME_3X3, d[0]));
        }
        View own = channelsLast(random(2, 5, 1, 3, 3));
        compare(
                Precision.F32,
                "depthwise",
                to(garbage(2, 4, 5, 5)),
                (k, d) -> k.forward(x, own, null, Geometry.depthwise3x3(5), d[0]));
    }

    private static void compare(Precision precision, String what, View[] to, BiConsumer<Convolution, View[]> call) {
        CudaTwin.compare(what + " " + precision, precision, EXACT, to, (k, d) -> call.accept(k.convolution(), d));
    }

    /** The same values as a precision's operands hold them, so that only sums are left to differ. */
    private static View rounded(Precision precision, View v) {
        return rounded(precision.dtype(), v);
    }

    private static View rounded(DType dtype, View v) {
        View half = cast(dtype, v);
        View out = View.of(garbage(v.buffer().bytes() / 4).buffer(), DType.F32, v.offset(), v.shape(), v.strides());
        Backends.scalar().elementwise().copy(half, out);
        return out;
    }

    /** Same layout, another dtype. */
    private static View cast(DType dtype, View v) {
        View bytes = TestViews.zeros(dtype, v.buffer().bytes() / 4);
        View half = View.of(bytes.buffer(), dtype, v.offset(), v.shape(), v.strides());
        Backends.scalar().elementwise().copy(v, half);
        return half;
    }

    private static View channelsLast(View w) {
        View to = View.of(
                garbage(w.elements()).buffer(),
                w.dtype(),
                0,
                w.shape(),
                Convolution.channelsLast(w.size(0), w.size(1), w.size(2), w.size(3)));
        Backends.scalar().elementwise().copy(w, to);
        return to;
    }
}
