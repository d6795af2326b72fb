package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Map;
import java.util.function.BiConsumer;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuMatmulTest {
    /** Those that this machine does not take by itself, and that which it does. */
    private static final Map<String, Matmul> OTHERS =
            Map.of("OpenBLAS", by(new OpenBlas()), "Vector API", by(new VectorGemm()));

    private static Matmul by(Gemm product) {
        return new CpuMatmul(Backends.scalar().matmul(), Twin.fast().elementwise(), product);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "1, 72, 13",
        "1, 65, 577",
        "13, 1, 64",
        "64, 13, 1",
        "63, 64, 65",
        "127, 72, 129",
        "197, 64, 197",
        "2, 3, 0",
        "0, 4, 5",
        "5, 0, 4",
        "577, 33, 17",
        "3, 729, 100",
        "129, 128, 127",
    })
    void everyLayout(int m, int n, int k) {
        View[] as = {random(1, m, k), random(1, k, m).transpose(0, 1), TestViews.strided(1, DType.F32, m, k)};
        View[] bs = {
            random(2, k, n), random(2, n, k).transpose(0, 1), random(2, 1, n).expand(k, n)
        };
        View bias = random(3, n);
        for (View a : as) {
            for (View b : bs) {
                both("plain", a, b, garbage(m, n), Epilogue.NONE);
                both("bias", a, b, garbage(m, n), Epilogue.bias(bias));
                both("gelu", a, b, garbage(m, n), new Epilogue(bias, Activation.GELU, false));
                both("added", a, b, random(4, m, n), Epilogue.ACCUMULATE);
                both(
                        "merged",
                        a,
                        b,
                        garbage(m, n),
                        new Epilogue(bias, Activation.RELU, Merge.PLUS, random(5, m, n), false));
                both("gated", a, b, garbage(m, n + 7).slice(1, 3, 3 + n), Epilogue.gate(random(5, m, n)));
                both("gap", a, b, garbage(m, n + 7).slice(1, 3, 3 + n), Epilogue.bias(bias));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void batches(int heads) {
        View a = random(1, 2, heads, 65, 72).permute(0, 1, 2, 3);
        View b = random(2, 2, heads, 33, 72).transpose(-1, -2);
        both("batched", a, b, garbage(2, heads, 65, 33), Epilogue.NONE);
    }

    /** As the gradient of a transposed weight is: no plain kernels behind it here. */
    @Test
    void aResultByColumnsIsItsTransposesProduct() {
        Matmul matmul = new CpuMatmul(null, Twin.fast().elementwise(), new VectorGemm());
        View a = random(1, 2, 3, 72, 65).transpose(-1, -2);
        View b = random(2, 2, 3, 72, 17);
        for (Epilogue e : new Epilogue[] {Epilogue.NONE, Epilogue.ACCUMULATE}) {
            View c = random(3, 2, 3, 17, 65).transpose(-1, -2);
            View transposed = random(3, 2, 3, 17, 65);
            matmul.multiply(a, b, c, e);
            matmul.multiply(b.transpose(-1, -2), a.transpose(-1, -2), transposed, e);
            assertThat(c.toDoubles()).isEqualTo(transposed.transpose(-1, -2).toDoubles());
            View plain = random(3, 2, 3, 17, 65).transpose(-1, -2);
            Backends.scalar().matmul().multiply(a, b, plain, e);
            double[] want = plain.toDoubles();
            double[] got = c.toDoubles();
            for (int i = 0; i < want.length; i++) {
                assertThat(got[i]).isCloseTo(want[i], Offset.offset(1e-4));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "1, 72, 13",
        "1, 197, 4099",
        "2, 1, 3",
        "8, 129, 2049",
        "13, 65, 64",
        "65, 577, 127",
        "197, 72, 1100",
        "3, 729, 100",
        "2, 3, 0",
        "0, 4, 5",
        "9, 0, 4",
    })
    void halfPrecisionWeights(int m, int n, int k) {
        View[] as = {random(1, m, k), random(1, k, m).transpose(0, 1)};
        View bias = random(3, n);
        for (DType type : new DType[] {DType.F16, DType.BF16}) {
            View[] bs = {
                TestViews.random(2, type, n, k).transpose(0, 1),
                TestViews.random(2, type, k, n),
                TestViews.random(2, type, n, k + 3).slice(1, 1, 1 + k).transpose(0, 1),
                TestViews.strided(2, type, k, n)
            };
            for (View a : as) {
                for (View b : bs) {
                    both(type + " plain", a, b, garbage(m, n), Epilogue.NONE);
                    both(type + " silu", a, b, garbage(m, n), new Epilogue(bias, Activation.SILU, false));
                    both(type + " added", a, b, random(4, m, n), Epilogue.ACCUMULATE);
                }
            }
        }
    }

    /** Each row alone, a few together, many together: the same bits. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void rowsDoNotKnowOfEachOther(DType type) {
        int n = 131;
        int k = 2500;
        View bias = random(3, n);
        View weight = TestViews.random(2, type, n, k);
        for (View b : new View[] {weight.transpose(0, 1), TestViews.random(2, type, k, n)}) {
            View a = random(1, 19, k);
            View alone = garbage(19, n);
            for (int r = 0; r < 19; r++) {
                Twin.fast().matmul().multiply(a.slice(0, r, r + 1), b, alone.slice(0, r, r + 1), Epilogue.bias(bias));
            }
            for (int rows : new int[] {1, 2, 8, 19}) {
                View together = garbage(rows, n);
                Twin.fast().matmul().multiplyRows(a.slice(0, 0, rows), b, together, Epilogue.bias(bias));
                assertThat(together.toDoubles())
                        .isEqualTo(alone.slice(0, 0, rows).toDoubles());
            }
            Twin.compare("rows", to(garbage(19, n)), (kernels, d) -> kernels.matmul()
                    .multiplyRows(a, b, d[0], Epilogue.NONE));
        }
    }

    @Test
    void infinityAndNotANumberAreWidenedAsTheyAre() {
        for (DType type : new DType[] {DType.F16, DType.BF16}) {
            View b = TestViews.zeros(type, 40, 3);
            b.set(Double.POSITIVE_INFINITY, 0, 0);
            b.set(Double.NaN, 17, 1);
            b.set(type == DType.F16 ? 0x1p-24 : 0x1p-133, 33, 2);
            View a = TestViews.zeros(DType.F32, 1, 40);
            Twin.fast().elementwise().fill(a, 1);
            View c = garbage(1, 3);
            for (View weight : new View[] {b, rowsOf(b)}) {
                Twin.fast().matmul().multiply(a, weight, c, Epilogue.NONE);
                assertThat(c.toDoubles())
                        .containsExactly(Double.POSITIVE_INFINITY, Double.NaN, type == DType.F16 ? 0x1p-24 : 0x1p-133);
            }
        }
    }

    /** Each alone in its product, by one row and by four: subnormal numbers and both zeros among them. */
    @Test
    void everyFiniteHalfIsWidenedExactly() {
        int k = 64;
        View bits = TestViews.zeros(DType.I16, 1 << 10, k);
        for (int i = 0; i < bits.elements(); i++) {
            bits.setLongAt(i, i);
        }
        View w = View.of(bits.buffer(), DType.F16, 1 << 10, k);
        View x = TestViews.zeros(DType.F32, k, k);
        for (int i = 0; i < k; i++) {
            x.set(1, i, i);
        }
        View together = garbage(k, 1 << 10);
        View alone = garbage(k, 1 << 10);
        Twin.fast().matmul().multiplyRows(x, w.transpose(0, 1), together, Epilogue.NONE);
        for (int r = 0; r < k; r++) {
            Twin.fast()
                    .matmul()
                    .multiplyRows(x.slice(0, r, r + 1), w.transpose(0, 1), alone.slice(0, r, r + 1), Epilogue.NONE);
        }
        for (int i = 0; i < bits.elements(); i++) {
            float half = Float.float16ToFloat((short) i);
            if (Float.isFinite(half)) {
                assertThat(together.get(i % k, i / k) == half).as("%x", i).isTrue();
                assertThat(alone.get(i % k, i / k) == half).as("%x alone", i).isTrue();
            }
        }
    }

    /** The same matrix stored by columns. */
    private static View rowsOf(View b) {
        View copy = TestViews.zeros(b.dtype(), b.size(1), b.size(0)).transpose(0, 1);
        Backends.scalar().elementwise().copy(b, copy);
        return copy;
    }

    @Test
    void otherTypesGoToThePlainKernels() {
        View a = TestViews.random(1, DType.BF16, 5, 6);
        View b = TestViews.random(2, DType.F32, 6, 7);
        both("mixed", a, b, garbage(5, 7), Epilogue.NONE);
        both("column by column", random(1, 5, 6), b, garbage(7, 5).transpose(0, 1), Epilogue.NONE);
    }

    /** What is merged behind a product has the bits of two passes: many rows, one, by rows; float32, half and 8-bit weights; a batch. */
    @ParameterizedTest
    @CsvSource({"1, 13, 65", "7, 72, 129", "65, 63, 577", "130, 259, 72"})
    void mergedIsBitForBitTwoPasses(int m, int n, int k) {
        View bias = random(3, n);
        View residual = random(4, m, n + 5).slice(1, 2, 2 + n);
        View a = random(1, m, k);
        for (DType type : new DType[] {DType.F32, DType.BF16, DType.F16}) {
            View w = TestViews.random(2, type, n, k).transpose(0, 1);
            for (Matmul matmul :
                    new Matmul[] {Twin.fast().matmul(), OTHERS.get("OpenBLAS"), OTHERS.get("Vector API")}) {
                twoPasses(m, n, bias, residual, (c, e) -> matmul.multiply(a, w, c, e));
                twoPasses(m, n, bias, residual, (c, e) -> matmul.multiplyRows(a, w, c, e));
                gate(matmul, a, w, TestViews.random(5, type, n, k).transpose(0, 1));
            }
        }
        QuantizedWeight q = QuantizedWeights.random(6, QuantizedWeight.Format.INT8, n, 128, 32);
        View x = random(7, m, 128);
        twoPasses(m, n, bias, residual, (c, e) -> Twin.fast().quantizedMatmul().multiply(x, q, c, e));
        twoPasses(m, n, bias, residual, (c, e) -> Twin.fast().quantizedMatmul().multiplyRows(x, q, c, e));
        View many = random(1, 3, m, k);
        View weights = random(2, 3, k, n);
        View fused = garbage(3, m, n);
        View apart = garbage(3, m, n);
        View other = random(4, 3, m, n);
        Twin.fast().matmul().multiply(many, weights, fused, Epilogue.plus(bias, other));
        Twin.fast().matmul().multiply(many, weights, apart, Epilogue.bias(bias));
        Twin.fast().elementwise().binary(Elementwise.Binary.ADD, other, apart, apart);
        assertThat(fused.toDoubles()).isEqualTo(apart.toDoubles());
    }

    private static void twoPasses(int m, int n, View bias, View other, BiConsumer<View, Epilogue> product) {
        for (Merge merge : Merge.values()) {
            View fused = garbage(m, n);
            View apart = garbage(m, n);
            product.accept(fused, new Epilogue(bias, Activation.GELU, merge, other, false));
            product.accept(apart, new Epilogue(bias, Activation.GELU, false));
            Elementwise.Binary binary = merge == Merge.PLUS ? Elementwise.Binary.ADD : Elementwise.Binary.MULTIPLY;
            Twin.fast().elementwise().binary(binary, other, apart, apart);
            assertThat(fused.toDoubles()).as(merge.toString()).isEqualTo(apart.toDoubles());
        }
    }

    private static void gate(Matmul matmul, View a, View gate, View up) {
        long m = a.size(0);
        long n = gate.size(1);
        View fused = garbage(m, n);
        matmul.multiplyGated(a, gate, up, garbage(m, n), fused);
        View first = garbage(m, n);
        View second = garbage(m, n);
        matmul.multiply(a, gate, first, Epilogue.NONE);
        matmul.multiply(a, up, second, Epilogue.NONE);
        Twin.fast().elementwise().siluGate(first, second, first);
        assertThat(fused.toDoubles()).isEqualTo(first.toDoubles());
    }

    private static void both(String what, View a, View b, View c, Epilogue e) {
        Twin.compare("chosen " + what, to(c), (k, d) -> k.matmul().multiply(a, b, d[0], e));
        OTHERS.forEach((name, matmul) ->
                Twin.compare(name + " " + what, to(c), (k, d) -> (k.name().equals("cpu") ? matmul : k.matmul())
                        .multiply(a, b, d[0], e)));
    }
}
