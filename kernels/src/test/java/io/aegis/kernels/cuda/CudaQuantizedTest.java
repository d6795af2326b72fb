package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import io.aegis.kernels.QuantizedMatmul.Linear;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the plain product with what the quantised weights stand for. */
class CudaQuantizedTest {
    private final Cuda cuda = CudaTwin.kernels(Precision.F32).cuda();
    private final CudaQuantized quantized = new CudaQuantized(cuda);

    private void multiply(View x, View weights, View scales, View y, Epilogue e) {
        quantized.multiplyRows(x, List.of(new Linear(new QuantizedWeight(weights, scales), y, e)));
    }

    @ParameterizedTest
    @CsvSource({
        "8, 1, 13, 64, 64",
        "8, 2, 65, 1152, 128",
        "8, 5, 7, 4096, 64",
        "8, 3, 1, 96, 32",
        "8, 8, 16, 512, 256",
        "8, 7, 17, 160, 32",
        "8, 70, 5, 64, 64",
        "4, 1, 13, 64, 64",
        "4, 2, 65, 1152, 128",
        "4, 8, 7, 4096, 64",
        "4, 4, 33, 32, 32",
        "4, 19, 2, 640, 128",
        "4, 6, 40, 1024, 512",
        "4, 1, 129, 288, 32",
    })
    void asTheirFloats(int bits, int m, int n, int k, int group) {
        View scales = scales(n, k / group);
        View weights = weights(bits, n, k);
        View floats = floats(bits, weights, scales, k);
        View bias = random(3, n);
        View[] xs = {random(1, m, k), TestViews.strided(1, DType.BF16, m, k)};
        for (View x : xs) {
            for (Epilogue e : new Epilogue[] {new Epilogue(bias, Activation.SILU, false), Epilogue.ACCUMULATE}) {
                View y = random(4, m, n + 3).slice(1, 1, 1 + n);
                CudaTwin.compare(bits + " bits", Precision.F32, EXACT, to(y), (kernels, d) -> {
                    if (kernels.name().equals("cuda")) {
                        multiply(x, weights, scales, d[0], e);
                    } else {
                        kernels.matmul().multiply(x, floats.transpose(0, 1), d[0], e);
                    }
                });
            }
        }
    }

    /** The ends of the range, each alone: no sum hides a wrong zero point. */
    @Test
    void everyWeight() {
        for (int bits : new int[] {4, 8}) {
            int k = 256;
            View weights = weights(bits, 1, k);
            for (int i = 0; i < k; i++) {
                set(bits, weights, 0, i, i % (1 << bits) - (1 << bits - 1));
            }
            View scales = TestViews.of(DType.F32, new long[] {1, 8}, 1, 1, 1, 1, 1, 1, 1, 1);
            View x = TestViews.zeros(DType.F32, k, k);
            for (int i = 0; i < k; i++) {
                x.set(1, i, i);
            }
            View y = garbage(k, 1);
            multiply(x, weights, scales, y, Epilogue.NONE);
            for (int i = 0; i < k; i++) {
                assertThat(y.get(i, 0)).as("%d bits, %d", bits, i).isEqualTo(i % (1 << bits) - (1 << bits - 1));
            }
        }
    }

    @Test
    void rowsDoNotKnowOfEachOther() {
        for (int bits : new int[] {4, 8}) {
            View weights = weights(bits, 19, 1024);
            View scales = scales(19, 8);
            View x = random(1, 9, 1024);
            View alone = garbage(9, 19);
            for (int r = 0; r < 9; r++) {
                View y = alone.slice(0, r, r + 1);
                multiply(x.slice(0, r, r + 1), weights, scales, y, Epilogue.NONE);
            }
            for (int rows : new int[] {2, 3, 8, 9}) {
                View y = garbage(rows, 19);
                multiply(x.slice(0, 0, rows), weights, scales, y, Epilogue.NONE);
                assertThat(y.toDoubles()).isEqualTo(alone.slice(0, 0, rows).toDoubles());
            }
        }
    }

    /** Between results of other types and strides, with another matrix, and where nothing may be written. */
    @ParameterizedTest
    @CsvSource({"8, 1", "8, 3", "4, 2", "4, 8"})
    void epilogues(int bits, int m) {
        QuantizedWeight w = new QuantizedWeight(weights(bits, 21, 256), scales(21, 4));
        View floats = floats(bits, w.codes(), w.scales(), 256);
        View x = random(1, m, 256);
        View other = random(6, m, 24).slice(1, 2, 23);
        for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            for (Merge merge : Merge.values()) {
                View y = TestViews.garbage(type, m, 24).slice(1, 2, 23);
                Epilogue e = new Epilogue(random(3, 21), Activation.GELU, merge, other, false);
                double tolerance = type == DType.F32 ? EXACT : type == DType.F16 ? 0x1p-10 : 0x1p-7;
                CudaTwin.compare(type + " " + merge, Precision.F32, tolerance, to(y), (kernels, d) -> {
                    if (kernels.name().equals("cuda")) {
                        quantized.multiplyRows(x, List.of(new Linear(w, d[0], e)));
                    } else {
                        kernels.matmul().multiply(x, floats.transpose(0, 1), d[0], e);
                    }
                });
            }
            View turned = TestViews.garbage(type, 21, m).transpose(0, 1);
            View straight = TestViews.garbage(type, m, 21);
            quantized.multiplyRows(x, List.of(new Linear(w, turned, Epilogue.NONE)));
            quantized.multiplyRows(x, List.of(new Linear(w, straight, Epilogue.NONE)));
            assertThat(turned.toDoubles()).isEqualTo(straight.toDoubles());
        }
    }

    /** A device with little shared memory takes K in pieces, with one team and short rings, and writes the same bits. */
    @ParameterizedTest
    @CsvSource({
        "8, 64, 2304, 64, 72",
        "8, 1, 1184, 32, 42",
        "8, 5, 4096, 128, 72",
        "4, 8, 4608, 64, 98",
        "4, 4, 8448, 128, 64",
        "4, 2, 2592, 32, 56"
    })
    void theSameBitsInPieces(int bits, int m, int k, int group, int least) {
        QuantizedWeight w = new QuantizedWeight(weights(bits, 75, k), scales(75, k / group));
        View x = random(1, m, k);
        View whole = garbage(m, 75);
        new CudaQuantized(cuda, 227 << 10).multiplyRows(x, List.of(new Linear(w, whole, Epilogue.NONE)));
        for (int kilobytes : new int[] {least, 99}) {
            View y = garbage(m, 75);
            new CudaQuantized(cuda, kilobytes << 10).multiplyRows(x, List.of(new Linear(w, y, Epilogue.NONE)));
            assertThat(y.toDoubles()).as("%d KB", kilobytes).isEqualTo(whole.toDoubles());
        }
    }

    /** Also beside one of another group, and more than fit into a launch: what each gives alone. */
    @ParameterizedTest
    @CsvSource({"8, 1", "8, 6", "4, 1", "4, 3"})
    void weightsThatShareX(int bits, int m) {
        int k = 512;
        View x = random(1, m, k);
        int[] outputs = {40, 8, 17, 1, 24};
        List<Linear> together = new ArrayList<>();
        for (int i = 0; i < outputs.length; i++) {
            int n = outputs[i];
            View codes = weights(bits, n, k + 32 * i).slice(1, 0, k * bits / 8);
            Epilogue e = i == 0 ? Epilogue.NONE : i == 1 ? Epilogue.ACCUMULATE : Epilogue.bias(random(8, n));
            View y = i == 1 ? random(9, m, n) : garbage(m, n + 2).slice(1, 1, n + 1);
            together.add(new Linear(new QuantizedWeight(codes, scales(n, i == 3 ? 4 : 8)), y, e));
        }
        List<View> alone = new ArrayList<>();
        for (Linear l : together) {
            View y = TestViews.copies(to(l.y()))[0];
            quantized.multiplyRows(x, List.of(new Linear(l.w(), y, l.epilogue())));
            alone.add(y);
        }
        assertThat(cuda.launched(() -> quantized.multiplyRows(x, together)).values())
                .containsExactly(3); // three weights, the one of another group, the last
        for (int i = 0; i < outputs.length; i++) {
            assertThat(together.get(i).y().toDoubles())
                    .as("weight %d", i)
                    .isEqualTo(alone.get(i).toDoubles());
        }
    }

    /** In one launch the bits of two. */
    @ParameterizedTest
    @CsvSource({"8, 1, 29, 384, 64", "8, 8, 16, 256, 128", "4, 1, 29, 512, 64", "4, 3, 7, 96, 32", "4, 13, 9, 768, 256"
    })
    void gates(int bits, int m, int n, int k, int group) {
        QuantizedWeight gate = new QuantizedWeight(weights(bits, n, k), scales(n, k / group));
        View codes = weights(bits, 2 * n, k + 64).slice(0, n, 2 * n).slice(1, 0, k * bits / 8);
        QuantizedWeight up = new QuantizedWeight(codes, scales(n, k / group));
        View x = random(1, m, k);
        View room = garbage(m, n + 1).slice(1, 0, n);
        View two = garbage(m, n + 1).slice(1, 0, n);
        quantized.multiplyRows(x, List.of(new Linear(up, room, Epilogue.NONE)));
        quantized.multiplyRows(x, List.of(new Linear(gate, two, Epilogue.gate(room))));
        View one = garbage(m, n + 1).slice(1, 0, n);
        assertThat(cuda.launched(() -> quantized.multiplyGated(x, gate, up, one))
                        .values())
                .containsExactly(1);
        assertThat(one.toDoubles()).isEqualTo(two.toDoubles());
    }

    @Test
    void threadsInAnyOrder() {
        for (Format format : Format.values()) {
            CudaTwin.sameInAnyOrder(garbage(3, 33), (kernels, y) -> kernels.quantizedMatmul()
                    .multiplyRows(
                            random(1, 3, 1088), QuantizedWeights.random(2, format, 33, 1088, 64), y, Epilogue.NONE));
        }
    }

    /** A row with NaN or an infinity has NaN everywhere; the others have the bits that they have without. */
    @Test
    void rowsThatAreNotFinite() {
        for (int bits : new int[] {4, 8}) {
            for (int m : new int[] {1, 2, 4, 8}) {
                QuantizedWeight w = new QuantizedWeight(weights(bits, 19, 320), scales(19, 10));
                View x = random(1, m, 320);
                View clean = garbage(m, 19);
                quantized.multiplyRows(x, List.of(new Linear(w, clean, Epilogue.NONE)));
                for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                    View spoilt = TestViews.copies(to(x))[0];
                    spoilt.set(bad, m - 1, 77);
                    View y = random(4, m, 19);
                    quantized.multiplyRows(spoilt, List.of(new Linear(w, y, Epilogue.NONE)));
                    assertThat(y.select(0, m - 1).toDoubles()).as("%s", bad).containsOnly(Double.NaN);
                    assertThat(y.slice(0, 0, m - 1).toDoubles())
                            .isEqualTo(clean.slice(0, 0, m - 1).toDoubles());
                }
            }
        }
    }

    /** Also in the digits' own sums: what is beyond float32 is infinite. */
    @Test
    void whatIsTooLarge() {
        for (int bits : new int[] {4, 8}) {
            View weights = weights(bits, 3, 128);
            for (int k = 0; k < 128; k++) {
                set(bits, weights, 0, k, 7);
                set(bits, weights, 1, k, -8);
                set(bits, weights, 2, k, k == 5 ? 1 : 0);
            }
            View x = random(1, 1, 128);
            for (int k = 0; k < 128; k++) {
                x.set(3.1e37 + 1e35 * x.get(0, k), 0, k);
            }
            View y = garbage(1, 3);
            View ones = TestViews.of(DType.F32, new long[] {3, 1}, 1, 1, 1);
            multiply(x, weights, ones, y, Epilogue.NONE);
            assertThat(y.get(0, 0)).isEqualTo(Double.POSITIVE_INFINITY);
            assertThat(y.get(0, 1)).isEqualTo(Double.NEGATIVE_INFINITY);
            assertThat(y.get(0, 2)).isCloseTo(x.get(0, 5), within(Math.ulp(3e37f) * 2.0));
        }
    }

    private static final double DIGITS = 0x1p-23;

    /**
     * x is rounded to 2^-23 of the largest magnitude of its unit, and sums are float32's: beside doubles, on ordinary numbers, with one
     * of 1000 among them, with the largest that digits reach, of the ends of float32's range.
     */
    @Test
    void errorsAreThoseOfFloat32() {
        int n = 48;
        int k = 4096;
        int group = 64;
        double[] factors = {1, 1000, 0x1.fdfdfdp0, 0x1.fdfdfep0, 0x1.fdfdfep0, 1e34, 1e-30, 1e-37, 0x1p-149};
        for (int bits : new int[] {4, 8}) {
            QuantizedWeight w = new QuantizedWeight(weights(bits, n, k), scales(n, k / group));
            View floats = floats(bits, w.codes(), w.scales(), k);
            for (int c = 0; c < factors.length; c++) {
                View x = random(7, 1, k);
                for (int i = 0; i < k; i++) {
                    double v = c == 1 ? x.get(0, i) : (float) (x.get(0, i) * 0.3 * factors[c]);
                    x.set(i % 256 == 21 ? Math.copySign(factors[c], c == 4 ? -1 : 1) : v, 0, i);
                }
                View y = garbage(1, n);
                quantized.multiplyRows(x, List.of(new Linear(w, y, Epilogue.NONE)));
                for (int o = 0; o < n; o++) {
                    double exact = 0;
                    double allowed = Float.MIN_VALUE;
                    for (int from = 0; from < k; from += group) {
                        double largest = 0x1p-104;
                        double weights = 0;
                        for (int i = from; i < from + group; i++) {
                            double product = x.get(0, i) * floats.get(o, i);
                            exact += product;
                            allowed += 12 * 0x1p-24 * Math.abs(product);
                            largest = Math.max(largest, Math.abs(x.get(0, i)));
                            weights += Math.abs(floats.get(o, i));
                        }
                        allowed += DIGITS * largest * weights;
                    }
                    assertThat(y.get(0, o))
                            .as("%d bits, case %d, output %d", bits, c, o)
                            .isCloseTo(exact, within(allowed));
                }
            }
        }
    }

    @Test
    void saysWhatItExpects() {
        View x = random(1, 1, 96);
        View y = garbage(1, 4);
        assertThatThrownBy(() -> multiply(x, weights(8, 4, 64), scales(4, 2), y, Epilogue.NONE))
                .hasMessage("x is [M, 64] beside these weights; given: F32[1, 96]");
        assertThatThrownBy(() -> multiply(x, weights(8, 5, 96), scales(5, 3), y, Epilogue.NONE))
                .hasMessage("y is [1, 5]; given: F32[1, 4]");
        QuantizedWeight gate = new QuantizedWeight(weights(8, 4, 96), scales(4, 3));
        QuantizedWeight up = new QuantizedWeight(weights(4, 4, 96), scales(4, 3));
        assertThatThrownBy(() -> quantized.multiplyGated(x, gate, up, y))
                .hasMessage("both weights of a gate have one format and group; given: U8[4, 48]");
        View apart = weights(8, 4, 100).slice(1, 0, 96);
        assertThatThrownBy(() -> multiply(x, apart, scales(4, 3), y, Epilogue.NONE))
                .hasMessageContaining("rows are 16-byte aligned; given: I8[4, 96]");
    }

    private static View scales(int n, int groups) {
        View s = random(5, n, groups);
        for (int i = 0; i < n * groups; i++) {
            s.setAt(i, 0.01 + Math.abs(s.getAt(i)));
        }
        return s;
    }

    private static View weights(int bits, int n, int k) {
        View w = TestViews.zeros(bits == 8 ? DType.I8 : DType.U8, n, k * bits / 8);
        Random random = new Random(2);
        for (int i = 0; i < n; i++) {
            for (int l = 0; l < k; l++) {
                set(bits, w, i, l, random.nextInt(1 << bits) - (1 << bits - 1));
            }
        }
        return w;
    }

    private static void set(int bits, View w, int n, int k, int value) {
        if (bits == 8) {
            w.set(value, n, k);
        } else {
            int shift = k % 2 * 4;
            int others = (int) w.get(n, k / 2) & 0xf0 >> shift;
            w.set(others | value + 8 << shift, n, k / 2);
        }
    }

    private static View floats(int bits, View w, View scales, int k) {
        int n = (int) w.size(0);
        View f = TestViews.zeros(DType.F64, n, k);
        long group = k / scales.size(1);
        for (int i = 0; i < n; i++) {
            for (int l = 0; l < k; l++) {
                double q = bits == 8 ? w.get(i, l) : ((int) w.get(i, l / 2) >> l % 2 * 4 & 15) - 8;
                f.set(q * scales.get(i, l / group), i, l);
            }
        }
        return f;
    }
}
