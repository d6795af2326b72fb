package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CudaElementwiseTest {
    private static final int[] SIZES = {0, 1, 2, 3, 4, 13, 63, 64, 65, 72, 127, 128, 129, 1027, 2500};
    private static final double[] EXTREMES = {
        Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0, -0.0, 100, -100, 1e-30, 3e9, -3e9, 0.5, -1.5
    };

    @ParameterizedTest
    @EnumSource(Elementwise.Binary.class)
    void binary(Elementwise.Binary op) {
        for (int n : SIZES) {
            View a = random(1, n);
            View b = random(2, n);
            compare(op + " " + n, to(garbage(n)), (k, d) -> k.elementwise().binary(op, a, b, d[0]));
            compare(op + " in place " + n, to(a), (k, d) -> k.elementwise().binary(op, d[0], b, d[0]));
        }
        for (View[] pair : layouts()) {
            View y = garbage(pair[0].shape());
            compare(op + " layout", to(y), (k, d) -> k.elementwise().binary(op, pair[0], pair[1], d[0]));
            View turned = TestViews.strided(4, DType.F32, pair[0].shape());
            compare(op + " turned", to(turned), (k, d) -> k.elementwise().binary(op, pair[0], pair[1], d[0]));
        }
        View special = extremes();
        compare(op + " extremes", to(garbage(144)), (k, d) -> k.elementwise()
                .binary(op, special, special.reshape(12, 12).permute(1, 0), d[0].reshape(12, 12)));
    }

    private static View extremes() {
        View v = TestViews.zeros(DType.F32, 12, 12);
        for (int i = 0; i < 144; i++) {
            v.setAt(i, EXTREMES[i % 12]);
        }
        return v;
    }

    private static List<View[]> layouts() {
        View x = random(1, 3, 17, 64);
        return List.of(
                to(x, random(2, 17, 64).expand(3, 17, 64)),
                to(x, random(2, 64).expand(3, 17, 64)),
                to(x, random(2, 3, 17, 1).expand(3, 17, 64)),
                to(x, random(2, 3, 1, 1).expand(3, 17, 64)),
                to(x, random(2, 1).expand(3, 17, 64)),
                to(x, random(2, 65).slice(0, 1, 65).expand(3, 17, 64)),
                to(x, TestViews.strided(3, DType.F32, 3, 17, 64)),
                to(random(1, 3, 64, 17).permute(0, 2, 1), x),
                to(random(1, 3, 17, 130).slice(2, 65, 129), x),
                to(random(1, 3, 17, 136).slice(2, 4, 68), x),
                to(random(1, 5, 17, 64).slice(0, 1, 4), x),
                to(
                        TestViews.strided(1, DType.F32, 2, 1, 3, 2, 2, 5),
                        TestViews.strided(2, DType.F32, 2, 1, 3, 2, 2, 5)),
                to(random(1, 2, 3, 33), random(2, 2, 1, 33).expand(2, 3, 33)));
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void activations(Activation f) {
        for (int n : new int[] {0, 1, 13, 64, 129, 1027}) {
            View x = wide(f, n);
            View dy = random(2, n);
            compare(f + " " + n, to(garbage(n)), (k, d) -> k.elementwise().activate(f, x, d[0]));
            compare(f + " slope " + n, to(garbage(n)), (k, d) -> k.elementwise().activateBackward(f, x, dy, d[0]));
            compare(f + " in place", to(x), (k, d) -> k.elementwise().activate(f, d[0], d[0]));
            compare(f + " slope in place", to(dy), (k, d) -> k.elementwise().activateBackward(f, x, d[0], d[0]));
        }
        View x = TestViews.of(DType.F32, new long[] {8}, Double.NaN, Double.POSITIVE_INFINITY, 0, -0.0, 80, 1, 2, 3);
        compare(f + " extremes", to(garbage(8)), (k, d) -> k.elementwise().activate(f, x, d[0]));
        View below = TestViews.of(DType.F32, new long[] {3}, Double.NEGATIVE_INFINITY, -60, -5);
        compare(f + " below", to(garbage(3)), (k, d) -> k.elementwise().activate(f, below, d[0]));
        View turned = TestViews.strided(1, DType.F32, 5, 7);
        compare(f + " turned", to(garbage(5, 7)), (k, d) -> k.elementwise().activate(f, turned, d[0]));
    }

    /** Normal values times 4: the tails of the functions as well. */
    private static View wide(Activation f, int n) {
        View x = random(1, n);
        for (int i = 0; i < n; i++) {
            double v = 4 * x.getAt(i);
            x.setAt(i, f == Activation.LOG || f == Activation.SQRT ? v * v : v);
        }
        return x;
    }

    @Test
    void scaledAndShifted() {
        for (int n : SIZES) {
            View x = random(1, n);
            compare("affine " + n, to(garbage(n)), (k, d) -> k.elementwise().affine(x, 1.7, -0.3, d[0]));
            compare("in place " + n, to(x), (k, d) -> k.elementwise().affine(d[0], -2, 0, d[0]));
            compare("added " + n, to(random(2, n)), (k, d) -> k.elementwise().addScaled(x, -0.7, d[0]));
        }
        for (View[] pair : layouts()) {
            View y = random(5, pair[0].shape());
            compare("added layout", to(y), (k, d) -> k.elementwise().addScaled(pair[1], 3, d[0]));
        }
    }

    @Test
    void gates() {
        for (int n : new int[] {0, 1, 65, 128, 1027}) {
            View gate = wide(Activation.NONE, n);
            View up = random(2, n);
            View dy = random(3, n);
            compare("gate " + n, to(garbage(n)), (k, d) -> k.elementwise().siluGate(gate, up, d[0]));
            compare("in place " + n, to(up), (k, d) -> k.elementwise().siluGate(gate, d[0], d[0]));
            compare("slopes " + n, to(garbage(n), garbage(n)), (k, d) -> k.elementwise()
                    .siluGateBackward(gate, up, dy, d[0], d[1]));
            compare("gate's slope " + n, to(garbage(n)), (k, d) -> k.elementwise()
                    .siluGateBackward(gate, up, dy, d[0], null));
            compare("other slope " + n, to(garbage(n)), (k, d) -> k.elementwise()
                    .siluGateBackward(gate, up, dy, null, d[0]));
        }
        for (View[] pair : layouts()) {
            View dy = random(3, pair[0].shape());
            View turned = TestViews.strided(4, DType.F32, pair[0].shape());
            compare("layout", to(dy, turned), (k, d) -> k.elementwise()
                    .siluGateBackward(pair[0], pair[1], dy, d[0], d[1]));
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void filled(DType dtype) {
        for (int n : new int[] {0, 1, 7, 64, 1027}) {
            for (double value : new double[] {0, 3}) {
                compare(dtype + " " + n, to(TestViews.garbage(dtype, n)), (k, d) -> k.elementwise()
                        .fill(d[0], value));
                View columns = TestViews.garbage(dtype, 5, n + 9).slice(1, 8, n + 8);
                compare(dtype + " columns " + n, to(columns), (k, d) -> k.elementwise()
                        .fill(d[0], value));
            }
        }
        View turned = TestViews.strided(1, dtype, 3, 4, 5);
        compare(dtype + " turned", to(turned), (k, d) -> k.elementwise().fill(d[0], -1));
        View hole = TestViews.garbage(dtype, 5, 4).select(1, 1);
        compare(dtype + " hole", to(hole), (k, d) -> k.elementwise().fill(d[0], 100));
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void copiesToEveryType(DType from) {
        for (DType into : DType.values()) {
            String what = from + " to " + into;
            for (int n : new int[] {0, 1, 5, 64, 259}) {
                View x = numbers(from, n);
                exact(what, to(TestViews.garbage(into, n)), (k, d) -> k.elementwise()
                        .copy(x, d[0]));
            }
            View x = numbers(from, 4 * 6 * 20).reshape(4, 6, 20);
            exact(what + " rows", to(TestViews.garbage(into, 6, 4, 32).slice(2, 8, 28)), (k, d) -> k.elementwise()
                    .copy(x.permute(1, 0, 2), d[0]));
            exact(what + " odd rows", to(TestViews.garbage(into, 6, 4, 19)), (k, d) -> k.elementwise()
                    .copy(x.permute(1, 0, 2).slice(2, 1, 20), d[0]));
            exact(what + " turned", to(TestViews.strided(1, into, 4, 6, 20)), (k, d) -> k.elementwise()
                    .copy(x, d[0]));
            exact(what + " repeated", to(TestViews.garbage(into, 3, 20)), (k, d) -> k.elementwise()
                    .copy(x.select(0, 1).slice(0, 0, 1).expand(3, 20), d[0]));
            exact(what + " repeated along rows", to(TestViews.garbage(into, 6, 16)), (k, d) -> k.elementwise()
                    .copy(x.select(0, 1).slice(1, 3, 4).expand(6, 16), d[0]));
        }
    }

    /** To the last bit. */
    private static void exact(String what, View[] to, BiConsumer<Kernels, View[]> call) {
        compare(what, Precision.F32, 0, to, call);
    }

    /** Beside ordinary numbers the ends of integers' ranges and, where there are such, what is not finite. */
    private static View numbers(DType dtype, int n) {
        View x = TestViews.zeros(dtype, n);
        for (int i = 0; i < n; i++) {
            if (dtype.isFloating()) {
                x.setAt(i, i % 3 == 0 ? EXTREMES[i / 3 % 12] : 0.37 * (i - n / 2));
            } else {
                x.setLongAt(i, i % 5 == 0 ? Long.MAX_VALUE >> i % 64 : (long) (i - n / 2) << i % 40);
            }
        }
        return x;
    }

    @Test
    void transpositions() {
        for (DType dtype : List.of(DType.U8, DType.BF16, DType.F32, DType.I64)) {
            for (long[] shape : new long[][] {{1, 16, 16}, {3, 31, 65}, {2, 64, 33}, {5, 100, 16}, {1, 1, 70}}) {
                View x = numbers(dtype, (int) View.count(shape)).reshape(shape);
                View turned = x.permute(0, 2, 1);
                exact(dtype + " swapped", to(TestViews.garbage(dtype, turned.shape())), (k, d) -> k.elementwise()
                        .copy(turned, d[0]));
                exact(
                        dtype + " to the front",
                        to(TestViews.garbage(dtype, shape[2], shape[0], shape[1])),
                        (k, d) -> k.elementwise().copy(x.permute(2, 0, 1), d[0]));
            }
        }
        View heads = random(1, 2, 19, 4, 16);
        exact("heads", to(garbage(2, 4, 19, 16)), (k, d) -> k.elementwise().copy(heads.permute(0, 2, 1, 3), d[0]));
        View picture = random(1, 2, 3, 20, 21);
        exact("channels last", to(garbage(2, 20, 21, 3)), (k, d) -> k.elementwise()
                .copy(picture.permute(0, 2, 3, 1), d[0]));
        View deep = random(1, 2, 20, 3, 21, 18);
        exact("five dimensions", to(garbage(3, 18, 2, 21, 20)), (k, d) -> k.elementwise()
                .copy(deep.permute(2, 4, 0, 3, 1), d[0]));
    }

    @Test
    void dropped() {
        View samples = TestViews.indices(7, 9, 1L << 40 | 11, 2, -5);
        View every = TestViews.indices(1, 3, 5, 7, 9, 11, 13, 15, 17, 19);
        View apart = View.of(every.buffer(), DType.I64, 1, new long[] {5}, new long[] {2});
        View step = TestViews.indices(3, 1L << 33 | 2).slice(0, 1, 2);
        for (View ids : List.of(samples, apart)) {
            for (double p : new double[] {0, 0.3, 0.9999, 1}) {
                for (View x : List.of(random(1, 5, 64), random(1, 5, 33), random(1, 5, 3, 4, 8), random(1, 5))) {
                    compare("dropout " + p, to(garbage(x.shape())), (k, d) -> k.elementwise()
                            .dropout(x, p, 1L << 35 | 77, step, ids, 3, d[0]));
                }
                View x = TestViews.strided(1, DType.F32, 5, 6, 7);
                compare("dropout in place", to(x), (k, d) -> k.elementwise().dropout(d[0], p, 1, step, ids, 3, d[0]));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F64", "F32", "BF16", "U8"})
    void gathered(DType dtype) {
        View index = TestViews.indices(4, 0, 4, 2, 2, 1, 0);
        for (int width : new int[] {1, 3, 4, 33, 64, 272}) {
            View x = numbers(dtype, 5 * width).reshape(5, width);
            exact(dtype + " " + width, to(TestViews.garbage(dtype, 7, width)), (k, d) -> k.elementwise()
                    .gather(x, index, d[0]));
        }
        View x = numbers(dtype, 5 * 6 * 8).reshape(5, 6, 8);
        exact(dtype + " turned", to(TestViews.garbage(dtype, 7, 8, 6)), (k, d) -> k.elementwise()
                .gather(x.permute(0, 2, 1), index, d[0]));
        exact(dtype + " columns", to(TestViews.garbage(dtype, 7, 6)), (k, d) -> k.elementwise()
                .gather(x.permute(2, 1, 0).select(2, 3), index, d[0]));
        exact(dtype + " one", to(TestViews.garbage(dtype, 1, 48)), (k, d) -> k.elementwise()
                .gather(x.reshape(5, 48), index.slice(0, 6, 7), d[0]));
        exact(dtype + " numbers", to(TestViews.garbage(dtype, 7)), (k, d) -> k.elementwise()
                .gather(numbers(dtype, 5), index, d[0]));
        exact(dtype + " none", to(TestViews.garbage(dtype, 0, 6)), (k, d) -> k.elementwise()
                .gather(x.select(2, 0), index.slice(0, 0, 0), d[0]));
    }

    @Test
    void aRowThatIsNotThereIsNotANumber() {
        View y = random(1, 2, 5);
        CudaTwin.kernels(Precision.F32).elementwise().gather(random(2, 3, 5), TestViews.indices(3, -1), y);
        assertThat(y.toDoubles()).containsOnly(Double.NaN);
    }

    @Test
    void scattered() {
        View few = TestViews.indices(4, 0, 4, 2, 4);
        View many = TestViews.indices(
                LongStream.range(0, 700).map(i -> i % 7 == 0 ? i % 11 : 3).toArray());
        for (View index : List.of(few, many, few.slice(0, 2, 3))) {
            long n = index.elements();
            for (int width : new int[] {1, 5, 64}) {
                View y = random(2, n, width);
                compare("scatter " + n + " " + width, to(random(3, 11, width)), (k, d) -> k.elementwise()
                        .scatterAdd(y, index, d[0]));
            }
            View y = TestViews.strided(2, DType.F32, n, 3, 4);
            compare("scatter strided", to(TestViews.strided(3, DType.F32, 11, 3, 4)), (k, d) -> k.elementwise()
                    .scatterAdd(y, index, d[0]));
            View wide = random(2, n, 8).slice(1, 0, 4);
            compare("scatter columns", to(random(3, 11, 12).slice(1, 4, 8)), (k, d) -> k.elementwise()
                    .scatterAdd(wide, index, d[0]));
        }
        View rows = random(4, 3, 1100);
        compare("scatter wide rows", to(random(3, 2, 1100)), (k, d) -> k.elementwise()
                .scatterAdd(rows, TestViews.indices(1, 0, 1), d[0]));
    }

    @Test
    void theOrderOfThreadsDoesNotMatter() {
        CudaTwin.sameInAnyOrder(random(3, 5, 4), (k, x) -> {
            View index = TestViews.indices(
                    LongStream.range(0, 600).map(i -> i * i % 5).toArray());
            k.elementwise().scatterAdd(random(2, 600, 4), index, x);
        });
    }
}
