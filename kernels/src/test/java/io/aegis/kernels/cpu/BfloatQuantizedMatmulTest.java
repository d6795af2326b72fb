package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedMatmul.Linear;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Weights of few bits beside rounded rows. The oracle is the plain kernels' product, in doubles, of x and of the widened weight, both rounded to
 * bfloat16: what the rounded product of a dequantised model is.
 */
class BfloatQuantizedMatmulTest {
    private static final Gemm WIDENING = new WideningGemm(new OpenBlas());
    private static final Gemm NATIVE = OneDnn.bfloat16(WIDENING).use();
    private static final QuantizedMatmul ROUNDING = rounding(NATIVE != null ? NATIVE : WIDENING, 0);

    private static QuantizedMatmul rounding(Gemm product, long small) {
        return new BfloatQuantizedMatmul(
                Twin.fast().quantizedMatmul(), Twin.fast().elementwise(), product, small);
    }

    @ParameterizedTest
    @CsvSource({
        "9, 1, 32, 32",
        "13, 65, 96, 32",
        "63, 33, 2080, 32",
        "64, 129, 1152, 128",
        "33, 13, 2048, 2048",
        "129, 784, 64, 64",
        "0, 4, 64, 32",
        "9, 0, 64, 32",
    })
    void everyProduct(int m, int n, int k, int group) {
        View bias = random(3, n);
        View[] xs = {random(1, m, k), random(1, k, m).transpose(0, 1), TestViews.strided(1, DType.F32, m, k)};
        for (Format format : Format.values()) {
            for (int gap : new int[] {0, 5}) {
                QuantizedWeight w = QuantizedWeights.random(2, format, n, k, group, gap);
                for (View x : xs) {
                    forward(x, w, garbage(m, n), Epilogue.NONE);
                    forward(x, w, garbage(m, n + 7).slice(1, 3, 3 + n), new Epilogue(bias, Activation.SILU, false));
                }
                forward(xs[0], w, random(4, m, n), Epilogue.ACCUMULATE);
                forward(xs[0], w, garbage(m, n), Epilogue.plus(bias, random(6, m, n)));
                for (View y : new View[] {random(1, m, n), random(1, n, m).transpose(0, 1)}) {
                    backward(y, w, garbage(m, k), false);
                    backward(y, w, random(5, m, k + 3).slice(1, 1, 1 + k), true);
                }
            }
        }
    }

    private static void forward(View x, QuantizedWeight w, View y, Epilogue e) {
        View[] out = TestViews.copies(to(y, y));
        Backends.scalar().matmul().multiply(rounded(x), weight(w).transpose(0, 1), out[0], e);
        ROUNDING.multiply(x, w, out[1], e);
        same(w + ", " + e, out[0], out[1]);
    }

    private static void backward(View y, QuantizedWeight w, View x, boolean add) {
        View[] out = TestViews.copies(to(x, x));
        Backends.scalar().matmul().multiply(rounded(y), weight(w), out[0], add ? Epilogue.ACCUMULATE : Epilogue.NONE);
        ROUNDING.multiplyTransposed(y, w, out[1], add);
        same("gradient through " + w, out[0], out[1]);
    }

    /** Queries, keys and values of unequal sizes, of both formats, one of them too small to gain: the bits of each alone. */
    @Test
    void severalWeightsAreEachAlone() {
        int m = 19;
        int k = 160;
        View x = random(1, m, k);
        QuantizedMatmul some = rounding(WIDENING, (long) m * k * 64);
        List<QuantizedWeight> weights = List.of(
                QuantizedWeights.random(2, Format.INT4, 100, k, 32),
                QuantizedWeights.random(3, Format.INT8, 13, k, 32),
                QuantizedWeights.random(4, Format.INT8, 64, k, 160 / 5),
                QuantizedWeights.random(5, Format.INT4, 65, k, 32, 3));
        List<View> alone = new ArrayList<>();
        List<Linear> parts = new ArrayList<>();
        for (QuantizedWeight w : weights) {
            Epilogue e = Epilogue.bias(random(7, w.rows()));
            View y = garbage(m, w.rows());
            some.multiply(x, w, y, e);
            alone.add(y);
            parts.add(new Linear(w, garbage(m, w.rows()), e));
        }
        some.multiply(x, parts);
        for (int i = 0; i < parts.size(); i++) {
            assertThat(parts.get(i).y().toDoubles()).isEqualTo(alone.get(i).toDoubles());
        }
        View exact = garbage(m, 13);
        Twin.fast()
                .quantizedMatmul()
                .multiply(x, weights.get(1), exact, parts.get(1).epilogue());
        assertThat(alone.get(1).toDoubles()).isEqualTo(exact.toDoubles());
    }

    /** Decoding, single rows and other types are float32's kernels', to the bit. */
    @ParameterizedTest
    @EnumSource
    void whatGainsNothingIsExact(Format format) {
        QuantizedWeight w = QuantizedWeights.random(1, format, 67, 96, 32);
        QuantizedMatmul exact = Twin.fast().quantizedMatmul();
        for (int m : new int[] {1, 8, 9}) {
            View x = random(2, m, 96);
            View[] y = {garbage(m, 67), garbage(m, 67)};
            exact.multiplyRows(x, w, y[0], Epilogue.NONE);
            ROUNDING.multiplyRows(x, w, y[1], Epilogue.NONE);
            assertThat(y[1].toDoubles()).isEqualTo(y[0].toDoubles());
            exact.multiply(x, w, y[0], Epilogue.NONE);
            ROUNDING.multiply(x, w, y[1], Epilogue.NONE);
            assertThat(list(y[0]).equals(list(y[1]))).isEqualTo(m <= 8);
            View[] d = {garbage(m, 96), garbage(m, 96)};
            exact.multiplyTransposed(y[0], w, d[0], false);
            ROUNDING.multiplyTransposed(y[0], w, d[1], false);
            assertThat(list(d[0]).equals(list(d[1]))).isEqualTo(m <= 8);
        }
        View x = TestViews.random(2, DType.F64, 11, 96);
        View[] y = {TestViews.garbage(DType.F64, 11, 67), TestViews.garbage(DType.F64, 11, 67)};
        Backends.scalar().quantizedMatmul().multiply(x, w, y[0], Epilogue.NONE);
        ROUNDING.multiply(x, w, y[1], Epilogue.NONE);
        assertThat(y[1].toDoubles()).isEqualTo(y[0].toDoubles());
    }

    /** Every code, times scales whose products lie between two bfloat16, becomes the nearest: bit for bit what the plain conversion gives. */
    @ParameterizedTest
    @EnumSource
    void weightsAreRoundedOnce(Format format) {
        int k = 2560;
        QuantizedWeight w = QuantizedWeights.random(3, format, 3, k, 512);
        View got = TestViews.garbage(DType.BF16, 3, k);
        for (int n = 0; n < 3; n++) {
            // Not from a group's start, and more than are floats at a time.
            QuantizedRows.round(w, n, 0, 8, got.segment(), (long) n * k);
            QuantizedRows.round(w, n, 8, k - 8, got.segment(), (long) n * k + 8);
            for (int i = 0; i < k; i++) {
                assertThat((short) (Float.floatToIntBits((float) got.get(n, i)) >>> 16))
                        .as("weight %d, %d", n, i)
                        .isEqualTo(View.bfloat16(w.at(n, i)));
            }
        }
    }

    /** However many rows and threads there are, each weight is taken apart once. */
    @ParameterizedTest
    @CsvSource({"90, 1600, true", "90, 1600, false", "17, 40, true"})
    void eachWeightIsWidenedOnce(int m, int n, boolean byColumns) {
        int k = 1100;
        AtomicIntegerArray read = new AtomicIntegerArray(n * k);
        RightOperand b = new RightOperand.Read(
                (line, from, count, to, at) -> {
                    for (int i = 0; i < count; i++) {
                        read.incrementAndGet((int) line * (byColumns ? k : n) + (int) from + i);
                    }
                },
                DType.BF16,
                byColumns);
        Operand a = Operand.of(random(1, m, k)).rounded(Scratch.NARROW);
        WIDENING.multiplyShared(a, b, Part.all(garbage(m, n)), Epilogue.NONE);
        for (int i = 0; i < read.length(); i++) {
            assertThat(read.get(i)).isEqualTo(1);
        }
    }

    /** Kernels that round have this, and so a prompt and the way back on a quantised base are rounded. */
    @Test
    void kernelsThatRoundTakeIt() {
        System.setProperty("aegis.bf16", "emulated");
        try {
            Kernels kernels = Twin.fast().rounding(DType.BF16);
            assertThat(kernels.quantizedMatmul()).isInstanceOf(BfloatQuantizedMatmul.class);
        } finally {
            System.clearProperty("aegis.bf16");
        }
    }

    private static List<Double> list(View x) {
        return Arrays.stream(x.toDoubles()).boxed().toList();
    }

    /** As in Twin: sums of at most 2080 products in float32, in another order. */
    private static void same(String what, View expected, View got) {
        Twin.check(what, expected, got);
        View[] whole = {whole(expected), whole(got)};
        for (int i = 0; i < whole[0].elements(); i++) {
            assertThat(Double.isNaN(whole[1].getAt(i)))
                    .as("%s: around the result", what)
                    .isEqualTo(Double.isNaN(whole[0].getAt(i)));
        }
    }

    private static View whole(View c) {
        return View.of(c.buffer(), DType.F32, 0, new long[] {c.buffer().bytes() / 4}, new long[] {1});
    }

    private static View weight(QuantizedWeight w) {
        View wide = garbage(w.rows(), w.columns());
        Backends.scalar().quantizedMatmul().widen(w, wide);
        return rounded(wide);
    }

    private static View rounded(View x) {
        View narrow = TestViews.zeros(DType.BF16, x.shape());
        Backends.scalar().elementwise().copy(x, narrow);
        View wide = TestViews.zeros(DType.F32, x.shape());
        Backends.scalar().elementwise().copy(narrow, wide);
        return wide;
    }
}
