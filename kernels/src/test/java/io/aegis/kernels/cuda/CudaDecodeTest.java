package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.PagedKeys;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Few queries over a cache of 16 bits, in the emulator: products of parts are held to what float32 gives, not to what 16 bits
 * would. The kernels of float32 caches are in {@link CudaAttentionTest}, as is what holds for both.
 */
class CudaDecodeTest {
    /** Tiles of 16 keys, four a step, two (128 columns) or four (64) steps under way, splits of 64, 128 and 256. */
    @ParameterizedTest(name = "{0}: B{1} {2} heads of {3} queries, N{4} M{5} D{6} causal {7} hidden {8}")
    @CsvSource({
        "BF16, 1, 1, 1, 1, 1, 8, false, false",
        "BF16, 2, 1, 4, 1, 15, 128, true, false",
        "BF16, 1, 2, 3, 1, 17, 64, false, true",
        "BF16, 1, 1, 5, 1, 63, 128, true, false",
        "BF16, 1, 1, 9, 1, 65, 72, false, true",
        "BF16, 1, 1, 2, 8, 5, 128, true, false",
        "BF16, 1, 1, 3, 7, 80, 64, true, true",
        "BF16, 1, 1, 4, 2, 1025, 128, true, false",
        "BF16, 1, 1, 1, 1, 4100, 64, false, false",
        "BF16, 1, 1, 1, 1, 0, 64, false, false",
        "F16, 1, 1, 1, 1, 16, 13, false, false",
        "F16, 1, 2, 4, 1, 129, 128, true, true",
        "F16, 1, 1, 3, 5, 70, 64, true, false",
        "F16, 1, 1, 1, 1, 4200, 40, true, false",
    })
    void awkwardSizes(DType type, int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = random(1, b, n, heads * group, d).transpose(1, 2);
        View k = TestViews.random(2, type, b, heads, m + 3, d).slice(2, 0, m);
        View v = TestViews.random(3, type, b, heads, m + 3, d).slice(2, 0, m);
        View keys = null;
        if (hide) {
            keys = TestViews.zeros(DType.U8, b, m);
            for (int j = 2; j < m; j += j % 40 < 20 ? 1 : 3) {
                keys.set(1, 0, j);
            }
        }
        Mask mask = new Mask(causal, keys);
        CudaTwin.compare(
                "decode",
                Precision.BF16,
                CudaTwin.EXACT,
                to(garbage(q.shape()), garbage(b, (long) heads * group, n)),
                (kernels, out) -> kernels.attention().forward(q, k, v, 1 / Math.sqrt(d), mask, out[0], out[1]));
    }

    /**
     * Queries of float32 and weights of float32 are not rounded to the cache's type: 16 bits of a query's parts alone would be off by
     * 2^-9 or 2^-12 of each. What float32 sums of the size lose is 2^-24 times a few.
     */
    @ParameterizedTest(name = "{0}, {1} queries a key head, queries of {2}, scores of {3}")
    @CsvSource({
        "BF16, 4, 1, 4",
        "BF16, 8, 1, 4",
        "F16, 4, 1, 4",
        // More than a 16-bit type holds, and less: 65504 and 2^-14 are float16's.
        "F16, 8, 1e6, 4",
        "F16, 2, 1e-7, 4",
        "BF16, 2, 1e-30, 1",
    })
    void asFloat32(DType type, int group, double size, double spread) {
        int d = 128;
        View q = random(1, 1, group, 1, d);
        for (long i = 0; i < q.elements(); i++) {
            // Neighbours of very different size.
            q.setAt(i, q.getAt(i) * size * (i % 3 == 0 ? 1e-3 : 1));
        }
        View k = TestViews.random(2, type, 1, 1, 600, d);
        View v = TestViews.random(3, type, 1, 1, 600, d);
        double scale = spread / size / Math.sqrt(d);
        CudaTwin.compare("decode", Precision.BF16, 1e-6, to(garbage(q.shape())), (kernels, out) -> kernels.attention()
                .forward(q, k, v, scale, Mask.NONE, out[0], null));
    }

    /** Neither for Q nor for O is there another launch, whatever they are, nor one that adds the splits. */
    @Test
    void anyTypeAndLayoutInOneLaunch() {
        for (DType type : new DType[] {DType.F32, DType.BF16, DType.F16}) {
            for (DType cache : new DType[] {DType.F32, DType.BF16, DType.F16}) {
                View q = TestViews.strided(1, type, 2, 4, 1, 24);
                View out = TestViews.strided(4, type, 2, 4, 1, 24);
                View k = TestViews.random(2, cache, 2, 2, 200, 24);
                View v = TestViews.random(3, cache, 2, 2, 200, 24);
                double tolerance = type == DType.F32 ? CudaTwin.EXACT : type == DType.BF16 ? 0x1p-8 : 0x1p-11;
                CudaTwin.compare(
                        type + " over " + cache, Precision.F32, tolerance, to(out), (kernels, o) -> kernels.attention()
                                .forward(q, k, v, 0.2, Mask.CAUSAL, o[0], null));
                View here = TestViews.copies(to(out))[0];
                CudaKernels kernels = CudaTwin.kernels(Precision.F32);
                assertThat(CudaBackend.launched(
                                kernels, () -> kernels.attention().forward(q, k, v, 0.2, Mask.CAUSAL, here, null)))
                        .containsExactly(cache == DType.F32 ? "attention_decode" : "attention_decode_matrix");
            }
        }
    }

    /** What is behind the end, masked, or later than a query does not reach it; what it sees does. */
    @ParameterizedTest(name = "{0}: {1} queries, group {2}, M{3} D{4}")
    @CsvSource({
        "BF16, 1, 4, 70, 64",
        "BF16, 4, 2, 75, 128",
        "BF16, 8, 1, 64, 72",
        "F16, 5, 3, 130, 128",
        "F16, 2, 1, 61, 64"
    })
    void whatIsNotSeenMayBeAnything(DType type, int n, int group, int m, int d) {
        View q = random(1, 1, group, n, d);
        View keys = TestViews.zeros(DType.U8, 1, m);
        for (int j = 0; j < m; j++) {
            keys.set(j % 5 == 3 ? 0 : 1, 0, j);
        }
        for (Mask mask : new Mask[] {Mask.CAUSAL, new Mask(true, keys), new Mask(false, keys)}) {
            View k = TestViews.random(2, type, 1, 1, m + 7, d);
            View v = TestViews.random(3, type, 1, 1, m + 7, d);
            for (int j = 0; j < m + 7; j++) {
                boolean hidden = j >= m || mask.keys() != null && keys.get(0, j) == 0;
                for (int c = 0; hidden && c < d; c++) {
                    k.set(c % 2 == 0 ? Double.NaN : Double.POSITIVE_INFINITY, 0, 0, j, c);
                    v.set(c % 2 == 0 ? Double.NEGATIVE_INFINITY : Double.NaN, 0, 0, j, c);
                }
            }
            unseen(q, k.slice(2, 0, m), v.slice(2, 0, m), mask);
            // The last query sees it, one more with each key that is earlier.
            v.set(Double.NaN, 0, 0, m - 1, 5);
            unseen(q, k.slice(2, 0, m), v.slice(2, 0, m), mask);
            if (n > 2) {
                v.set(Double.NaN, 0, 0, m - 3, d - 1);
                k.set(Double.NaN, 0, 0, m - 2, 3);
                unseen(q, k.slice(2, 0, m), v.slice(2, 0, m), mask);
            }
        }
    }

    private static void unseen(View q, View k, View v, Mask mask) {
        CudaTwin.compare(
                "decode",
                Precision.BF16,
                CudaTwin.EXACT,
                to(garbage(q.shape()), garbage(1, q.size(1), q.size(2))),
                (kernels, out) -> kernels.attention().forward(q, k, v, 0.2, mask, out[0], out[1]));
    }

    /** Infinity in a value that is seen: NaN for those who see it, as the file says, and nothing for the others. */
    @Test
    void infinityIsSeen() {
        View q = random(1, 1, 1, 3, 64);
        View k = TestViews.random(2, DType.BF16, 1, 1, 40, 64);
        View v = TestViews.random(3, DType.BF16, 1, 1, 40, 64);
        View expected = garbage(q.shape());
        View got = garbage(q.shape());
        Attention fast = CudaTwin.kernels(Precision.F32).attention();
        fast.forward(q, k, v, 0.1, Mask.CAUSAL, expected, null);
        v.set(Double.POSITIVE_INFINITY, 0, 0, 38, 7);
        fast.forward(q, k, v, 0.1, Mask.CAUSAL, got, null);
        expected.set(Double.NaN, 0, 0, 1, 7);
        expected.set(Double.NaN, 0, 0, 2, 7);
        assertThat(got.toDoubles()).isEqualTo(expected.toDoubles());
    }

    /** Whichever block comes last adds the splits, and in the same order. */
    @Test
    void splitsAreAddedInOneOrder() {
        for (DType type : new DType[] {DType.F32, DType.BF16, DType.F16}) {
            CudaTwin.sameInAnyOrder(garbage(2, 4, 1, 64), (kernels, out) -> {
                View q = random(1, 2, 4, 1, 64);
                View k = TestViews.random(2, type, 2, 1, 300, 64);
                View v = TestViews.random(3, type, 2, 1, 300, 64);
                kernels.attention().forward(q, k, v, 0.125, Mask.NONE, out, null);
            });
        }
    }

    /** The counters are as they were, so that the same launch may come again, in a graph too. */
    @Test
    void againAndAgain() {
        View q = random(1, 3, 4, 1, 64);
        View k = TestViews.random(2, DType.BF16, 3, 2, 200, 64);
        View v = TestViews.random(3, DType.BF16, 3, 2, 200, 64);
        CudaKernels kernels = CudaTwin.kernels(Precision.F32);
        View first = garbage(q.shape());
        kernels.attention().forward(q, k, v, 0.125, Mask.NONE, first, null);
        double[] expected = first.toDoubles();
        View out = garbage(q.shape());
        kernels.attention().forward(q, k, v, 0.125, Mask.NONE, out, null); // what is recorded has been there
        try (var recording = kernels.record(() -> kernels.attention().forward(q, k, v, 0.125, Mask.NONE, out, null))) {
            for (int i = 0; i < 3; i++) {
                recording.launch();
                assertThat(out.toDoubles()).as("launch %d", i).isEqualTo(expected);
                kernels.attention().forward(q, k, v, 0.125, Mask.NONE, first, null);
                assertThat(first.toDoubles()).isEqualTo(expected);
            }
        }
    }

    /** The bits of N = 1 do not depend on the batch, on pages of any size, nor on masked keys behind. */
    @ParameterizedTest
    @CsvSource({"BF16, 4, 4", "BF16, 8, 8", "BF16, 4, 64", "F16, 4, 16", "F16, 3, 4"})
    void pages(DType type, int group, int tokens) {
        PagedKeys p = PagedKeys.random(type, 2, 128, tokens, 40, 200, 1, 16, 65);
        View q = random(1, 4, 2L * group, 128);
        Attention fast = CudaTwin.kernels(Precision.F32).attention();
        View out = garbage(q.shape());
        fast.paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), 0.1, out);
        View expected = garbage(q.shape());
        Backends.scalar().attention().paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), 0.1, expected);
        assertThat(out.toDoubles()).containsExactly(expected.toDoubles(), within(1e-5));
        for (int b = 0; b < 4; b++) {
            View alone = garbage(2L * group, 128);
            p.alone(fast, b, q.select(0, b), 0.1, alone);
            assertThat(out.select(0, b).toDoubles()).as("sequence %d", b).isEqualTo(alone.toDoubles());
        }
    }
}
