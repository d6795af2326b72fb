package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention whose products take operands of bfloat16, beside {@link RoundedAttention}. Where the processor has instructions for
 * them oneDNN computes, otherwise the same numbers widened.
 */
class BfloatAttentionTest {
    private static final Gemm WIDENING = new WideningGemm(new OpenBlas());
    private static final Gemm NATIVE = OneDnn.bfloat16(WIDENING).use();
    private static final Attention ATTENTION = attention(NATIVE != null ? NATIVE : WIDENING, 0);

    private static Attention attention(Gemm product, long small) {
        return new CpuAttention(Twin.fast().attention(), product, small);
    }

    @ParameterizedTest(name = "B{0} {1} heads of {2} queries, N{3} M{4} D{5} causal {6} hidden {7}")
    @CsvSource({
        "1, 1, 1, 2, 1, 1, false, false",
        "2, 1, 3, 65, 65, 72, false, false",
        "1, 2, 2, 33, 300, 13, false, true",
        "1, 1, 2, 130, 577, 8, true, false",
        "1, 1, 1, 9, 1100, 72, false, false",
        "1, 1, 2, 70, 20, 16, true, true",
        "1, 2, 1, 5, 0, 8, true, false",
    })
    void forwardAndBackward(int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = random(1, b, n, (long) heads * group, d).transpose(1, 2);
        View k = random(2, b, heads, m + 7L, d).slice(2, 0, m);
        View v = random(3, b, heads, m + 7L, d).slice(2, 0, m);
        View slopes = random(4, q.shape());
        double scale = 1 / Math.sqrt(d);
        Mask mask = new Mask(causal, hide ? hidden(b, m) : null);
        View out = garbage(q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        View dq = garbage(q.shape());
        View dk = garbage(k.shape());
        View dv = garbage(v.shape());
        ATTENTION.forward(q, k, v, scale, mask, out, lse);
        ATTENTION.backward(q, k, v, scale, mask, out, lse, slopes, dq, dk, dv);
        View alone = garbage(k.shape());
        ATTENTION.backward(q, k, v, scale, mask, out, lse, slopes, null, alone, null);
        assertThat(alone.toDoubles()).isEqualTo(dk.toDoubles());
        for (int s = 0; s < b; s++) {
            for (int h = 0; h < heads; h++) {
                RoundedAttention shared = null;
                for (int g = h * group; g < (h + 1) * group; g++) {
                    RoundedAttention head = new RoundedAttention(at(q, s, g), at(k, s, h), at(v, s, h), scale, mask, s);
                    head.backward(at(out, s, g), at(lse, s, g), at(slopes, s, g));
                    head.out.check("out", at(out, s, g));
                    head.dq.check("dq", at(dq, s, g));
                    for (int i = 0; i < n; i++) {
                        double expected = head.lse[i];
                        assertThat(lse.get(s, g, i))
                                .satisfiesAnyOf(x -> assertThat(x).isEqualTo(expected), x -> assertThat(x)
                                        .isCloseTo(expected, within(1e-5 * Math.max(1, Math.abs(expected)))));
                    }
                    if (shared == null) {
                        shared = head;
                    } else {
                        shared.dk.add(head.dk);
                        shared.dv.add(head.dv);
                    }
                }
                shared.dk.check("dk", at(dk, s, h));
                shared.dv.check("dv", at(dv, s, h));
            }
        }
    }

    private static View at(View x, int b, int h) {
        return x.select(0, b).select(0, h);
    }

    private static View hidden(int b, int m) {
        View keys = TestViews.zeros(DType.U8, b, m);
        for (int j = 6; j < m; j += 3) {
            keys.set(255, 0, j);
        }
        return keys;
    }

    /** One key of all is seen: out is its value, rounded, and not as it was. */
    @Test
    void valuesAreRounded() {
        View zero = TestViews.zeros(DType.F32, 1, 1, 2, 1);
        View v = TestViews.of(DType.F32, new long[] {1, 1, 2, 1}, 1 + 0x1.8p-8, 7);
        View out = garbage(1, 1, 2, 1);
        ATTENTION.forward(zero, zero, v, 1, Mask.CAUSAL, out, null);
        assertThat(out.get(0, 0, 0, 0)).isEqualTo(1 + 0x1p-6 - 0x1p-7);
    }

    /** A single query, and heads that gain nothing, are float32's, to the bit. */
    @Test
    void whatGainsNothingIsExact() {
        for (int n : new int[] {1, 40}) {
            View q = random(1, 2, 2, n, 16);
            View kv = random(2, 2, 2, 50, 16);
            View exact = garbage(q.shape());
            View got = garbage(q.shape());
            View lse = garbage(2, 2, n);
            Attention some = attention(WIDENING, n == 1 ? 0 : n * 50 * 16 + 1);
            Twin.fast().attention().forward(q, kv, kv, 0.25, Mask.NONE, exact, lse);
            some.forward(q, kv, kv, 0.25, Mask.NONE, got, null);
            assertThat(got.toDoubles()).isEqualTo(exact.toDoubles());
            if (n > 1) {
                View dk = garbage(kv.shape());
                View same = garbage(kv.shape());
                Twin.fast().attention().backward(q, kv, kv, 0.25, Mask.NONE, exact, lse, q, null, dk, null);
                some.backward(q, kv, kv, 0.25, Mask.NONE, exact, lse, q, null, same, null);
                assertThat(same.toDoubles()).isEqualTo(dk.toDoubles());
            }
        }
    }

    /** What the library has nothing for, on this processor or at all, is computed from the same rounded operands. */
    @Test
    void withoutAnImplementationOperandsAreRoundedAllTheSame() {
        OneDnnLibrary library = OneDnnLibrary.find();
        assumeTrue(library != null, OneDnnLibrary::problem);
        Attention some = attention(new OneDnnMatmul(library, DType.BF16, WIDENING), 0);
        View q = random(1, 1, 2, 70, 72);
        View kv = random(2, 1, 2, 90, 72);
        View expected = garbage(q.shape());
        View got = garbage(q.shape());
        attention(WIDENING, 0).forward(q, kv, kv, 0.2, Mask.CAUSAL, expected, null);
        some.forward(q, kv, kv, 0.2, Mask.CAUSAL, got, null);
        double[] e = expected.toDoubles();
        double[] g = got.toDoubles();
        // Of a processor's own instructions the order of sums differs, and with it how a probability is rounded.
        double tolerance = NATIVE == null ? 0 : 0x1p-8;
        for (int i = 0; i < e.length; i++) {
            assertThat(g[i]).isCloseTo(e[i], within(tolerance));
        }
    }

    /** Kernels with rounded operands round those of attention and of convolutions too. */
    @Test
    void kernelsThatRoundTakeThem() {
        System.setProperty("aegis.bf16", "emulated");
        try {
            Kernels rounding = Twin.fast().rounding(DType.BF16);
            assertThat(rounding.attention()).isNotSameAs(Twin.fast().attention());
            assertThat(rounding.convolution()).isNotSameAs(Twin.fast().convolution());
            View q = random(1, 1, 1, 20, 8);
            View exact = garbage(q.shape());
            View got = garbage(q.shape());
            Twin.fast().attention().forward(q, q, q, 0.3, Mask.NONE, exact, null);
            rounding.attention().forward(q, q, q, 0.3, Mask.NONE, got, null);
            assertThat(got.toDoubles()).isNotEqualTo(exact.toDoubles());
        } finally {
            System.clearProperty("aegis.bf16");
        }
    }
}
