package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products of bfloat16 operands beside the plain kernels, which multiply the rounded operands in doubles. Where the processor
 * has instructions for them oneDNN computes, otherwise the same numbers widened: rounding, panels and parts are the same.
 */
class BfloatMatmulTest {
    private static final Gemm WIDENING = new WideningGemm(new OpenBlas());
    private static final Gemm NATIVE = OneDnn.bfloat16(WIDENING).use();
    private static final Matmul MATMUL = matmul(NATIVE != null ? NATIVE : WIDENING, 0);

    private static Matmul matmul(Gemm product, long small) {
        return new BfloatMatmul(Twin.fast().matmul(), Twin.fast().elementwise(), product, small);
    }

    @ParameterizedTest
    @CsvSource({
        "9, 1, 1",
        "13, 64, 72",
        "64, 13, 1",
        "63, 65, 129",
        "197, 72, 1100",
        "33, 130, 2049",
        "577, 33, 17",
        "9, 3, 0",
        "0, 4, 5",
        "9, 0, 4",
    })
    void everyLayoutAndType(int m, int n, int k) {
        View[] as = {random(1, m, k), random(1, k, m).transpose(0, 1), TestViews.strided(1, DType.F32, m, k)};
        View bias = random(3, n);
        for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            View[] bs = {
                TestViews.random(2, type, n, k).transpose(0, 1),
                TestViews.random(2, type, k, n),
                TestViews.random(2, type, n, k + 3).slice(1, 1, 1 + k).transpose(0, 1),
                TestViews.strided(2, type, k, n)
            };
            for (View a : as) {
                for (View b : bs) {
                    compare(a, b, garbage(m, n), Epilogue.NONE);
                    compare(a, b, garbage(m, n + 7).slice(1, 3, 3 + n), new Epilogue(bias, Activation.SILU, false));
                    compare(a, b, random(4, m, n), Epilogue.ACCUMULATE);
                }
            }
        }
    }

    @Test
    void batches() {
        compare(
                random(1, 2, 3, 65, 72),
                random(2, 2, 3, 33, 72).transpose(-1, -2),
                garbage(2, 3, 65, 33),
                Epilogue.NONE);
    }

    @Test
    void aResultByColumnsIsRoundedToo() {
        View a = random(1, 2, 65, 72);
        View b = random(2, 2, 72, 33);
        View c = garbage(2, 33, 65).transpose(-1, -2);
        View dense = garbage(2, 33, 65);
        MATMUL.multiply(a, b, c, Epilogue.NONE);
        MATMUL.multiply(b.transpose(-1, -2), a.transpose(-1, -2), dense, Epilogue.NONE);
        assertThat(c.toDoubles()).isEqualTo(dense.transpose(-1, -2).toDoubles());
        View exact = garbage(2, 65, 33);
        Twin.fast().matmul().multiply(a, b, exact, Epilogue.NONE);
        assertThat(c.toDoubles()).isNotEqualTo(exact.toDoubles());
    }

    /** Few rows, small products, single rows and other types are float32's kernels', to the bit. */
    @Test
    void whatGainsNothingIsExact() {
        View w = TestViews.random(2, DType.BF16, 300, 200).transpose(0, 1);
        for (int m : new int[] {1, 8, 17}) {
            View a = random(1, m, 200);
            View exact = garbage(m, 300);
            View got = garbage(m, 300);
            Twin.fast().matmul().multiply(a, w, exact, Epilogue.NONE);
            matmul(WIDENING, m <= 8 ? 0 : 17 * 300 * 200 + 1).multiply(a, w, got, Epilogue.NONE);
            assertThat(got.toDoubles()).isEqualTo(exact.toDoubles());
            Twin.fast().matmul().multiplyRows(a, w, exact, Epilogue.NONE);
            MATMUL.multiplyRows(a, w, got, Epilogue.NONE);
            assertThat(got.toDoubles()).isEqualTo(exact.toDoubles());
        }
        View doubles = TestViews.random(1, DType.F64, 17, 200);
        View got = TestViews.garbage(DType.F64, 17, 300);
        View exact = TestViews.garbage(DType.F64, 17, 300);
        Backends.scalar().matmul().multiply(doubles, TestViews.random(2, DType.F64, 200, 300), exact, Epilogue.NONE);
        MATMUL.multiply(doubles, TestViews.random(2, DType.F64, 200, 300), got, Epilogue.NONE);
        assertThat(got.toDoubles()).isEqualTo(exact.toDoubles());
    }

    /** A weight that a float holds and a bfloat16 does not is rounded: the choice has an effect, of the size it should have. */
    @Test
    void operandsAreRounded() {
        View a = TestViews.zeros(DType.F32, 9, 1);
        Twin.fast().elementwise().fill(a, 1);
        View b = TestViews.of(DType.F32, new long[] {1, 2}, 1 + 0x1p-9, 1 + 0x1.8p-8);
        View c = garbage(9, 2);
        MATMUL.multiply(a, b, c, Epilogue.NONE);
        assertThat(c.slice(0, 0, 1).toDoubles()).containsExactly(1, 1 + 0x1p-6 - 0x1p-7);
    }

    @Test
    void kernelsThatRoundAreTheSameWhereThatGainsNothing() {
        assertThat(Twin.fast().rounding(DType.F32)).isSameAs(Twin.fast());
        assertThat(Twin.fast().rounding(DType.F16)).isSameAs(Twin.fast());
        assertThat(Backends.scalar().rounding(DType.BF16)).isSameAs(Backends.scalar());
        assertThat(Twin.fast().rounding(DType.BF16) == Twin.fast()).isEqualTo(NATIVE == null);
        assertThat(Twin.fast().choices())
                .filteredOn(c -> c.family().equals("matmul in bfloat16"))
                .singleElement()
                .satisfies(c -> assertThat(c.reason()).isNotBlank());
    }

    private static void compare(View a, View b, View c, Epilogue e) {
        View[] expected = TestViews.copies(new View[] {c});
        View[] got = TestViews.copies(new View[] {c});
        Backends.scalar().matmul().multiply(rounded(a), rounded(b), expected[0], e);
        MATMUL.multiply(a, b, got[0], e);
        double[] want = expected[0].toDoubles();
        double[] have = got[0].toDoubles();
        double largest = 1e-30;
        for (double x : want) {
            largest = Math.max(largest, Math.abs(x));
        }
        // As in Twin: sums of at most 2049 products in float32, in another order.
        for (int i = 0; i < want.length; i++) {
            assertThat(have[i])
                    .as("%s times %s, %s, element %d", a, b, e, i)
                    .isCloseTo(want[i], within(1e-5 * largest));
        }
        assertThat(surroundings(got[0])).isEqualTo(surroundings(expected[0]));
    }

    /** How many numbers of the buffer are still NaN: those around the destination. */
    private static long surroundings(View c) {
        View whole = View.of(c.buffer(), DType.F32, 0, new long[] {c.buffer().bytes() / 4}, new long[] {1});
        long kept = 0;
        for (double x : whole.toDoubles()) {
            kept += Double.isNaN(x) ? 1 : 0;
        }
        return kept;
    }

    private static View rounded(View x) {
        View narrow = TestViews.zeros(DType.BF16, x.shape());
        Backends.scalar().elementwise().copy(x, narrow);
        View wide = TestViews.zeros(DType.F32, x.shape());
        Backends.scalar().elementwise().copy(narrow, wide);
        return wide;
    }
}
