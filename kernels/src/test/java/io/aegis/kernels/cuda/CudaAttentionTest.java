package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention in the emulator beside scalar/. In 16 bits both are given operands that 16 bits hold, so that only P and dS are
 * rounded: bfloat16 keeps 8 bits, so each term of a sum is off by up to 2^-9 of itself and, signs being random, a sum
 * by less than 2^-9 of the largest; twice that is allowed, and for gradients, which go through both roundings, four times.
 * Half precision keeps 11 bits.
 */
class CudaAttentionTest {
    private static final double UNIT = 0x1p-9;

    @ParameterizedTest(name = "{0}: B{1} {2} heads of {3} queries, N{4} M{5} D{6} causal {7} hidden {8}")
    @CsvSource({
        "F32, 1, 1, 1, 13, 13, 8, false, false",
        "F32, 2, 2, 2, 65, 129, 72, true, false",
        "F32, 1, 1, 1, 64, 63, 13, true, false",
        "F32, 1, 1, 4, 70, 130, 128, true, true",
        "F32, 1, 1, 1, 20, 65, 256, false, true",
        "F32, 0, 1, 1, 20, 65, 16, false, false",
        "F32, 1, 1, 2, 20, 0, 16, false, false",
        "BF16, 1, 1, 1, 13, 13, 64, false, false",
        "BF16, 1, 1, 1, 129, 127, 64, true, false",
        "BF16, 2, 1, 2, 65, 129, 72, true, false",
        "BF16, 1, 1, 1, 63, 197, 80, false, true",
        "BF16, 1, 1, 1, 64, 65, 96, true, true",
        "BF16, 1, 1, 4, 20, 64, 128, true, false",
        "BF16, 1, 1, 1, 128, 128, 128, false, false",
        "BF16, 1, 2, 1, 20, 9, 13, true, false",
        "BF16, 1, 1, 1, 20, 65, 144, true, false",
        "F16, 1, 1, 1, 63, 65, 64, true, true",
        "F16, 1, 1, 1, 20, 65, 128, false, false",
    })
    void masksAndGroups(
            Precision precision, int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = rounded(precision, random(1, b, n, heads * group, d)).transpose(1, 2);
        // A cache that is longer than what it holds, a head after the other.
        View k = rounded(precision, random(2, b, heads, m + 7, d)).slice(2, 0, m);
        View v = rounded(precision, random(3, b, heads, m + 7, d)).slice(2, 0, m);
        check(precision, q, k, v, new Mask(causal, hide ? hidden(b, m) : null));
    }

    private static void check(Precision precision, View q, View k, View v, Mask mask) {
        double unit = unit(precision, q);
        double scale = 1 / Math.sqrt(q.size(3));
        View out = garbage(q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        CudaTwin.compare("forward", precision, unit, to(out, lse), (kernels, d) -> kernels.attention()
                .forward(q, k, v, scale, mask, d[0], d[1]));
        Backends.scalar().attention().forward(q, k, v, scale, mask, out, lse);
        View dout = rounded(precision, random(4, q.shape()));
        CudaTwin.compare(
                "backward",
                precision,
                2 * unit,
                to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape())),
                (kernels, d) ->
                        kernels.attention().backward(q, k, v, scale, mask, out, lse, dout, d[0], d[1], d[2]));
    }

    private static double unit(Precision precision, View q) {
        boolean exact = precision == Precision.F32 || q.size(3) > MatrixAttention.WIDEST;
        return exact ? CudaTwin.EXACT : precision == Precision.BF16 ? 2 * UNIT : UNIT / 4;
    }

    /** The first sequence sees every third key, from the sixth on; the others see nothing at all. */
    private static View hidden(int b, int m) {
        View keys = TestViews.zeros(DType.U8, b, m + 2L).slice(1, 1, m + 1L);
        for (int j = 6; j < m; j += 3) {
            keys.set(255, 0, j);
        }
        return keys;
    }

    /** Float32 values that the precision's 16 bits hold. */
    private static View rounded(Precision precision, View x) {
        View small = TestViews.zeros(precision.dtype(), x.shape());
        for (long i = 0; i < x.elements(); i++) {
            small.setAt(i, x.getAt(x.position(i)));
            x.setAt(x.position(i), small.getAt(i));
        }
        return x;
    }
}
