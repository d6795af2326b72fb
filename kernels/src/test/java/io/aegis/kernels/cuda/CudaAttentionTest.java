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
import io.aegis.kernels.Kernels;
import io.aegis.kernels.PagedKeys;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

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

    @Test
    void headsInsidePackedRows() {
        for (Precision precision : new Precision[] {Precision.F32, Precision.BF16}) {
            View qkv = rounded(precision, random(1, 2, 65, 3 * 48));
            View[] parts = new View[3];
            for (int i = 0; i < 3; i++) {
                parts[i] = qkv.slice(2, i * 48L, (i + 1) * 48L)
                        .reshape(2, 65, 3, 16)
                        .transpose(1, 2);
            }
            check(precision, parts[0], parts[1], parts[2], Mask.NONE);
        }
    }

    /** Views of every type are read in place or converted, and results are what the destination's type rounds them to. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void everyType(DType type) {
        for (Precision precision : Precision.values()) {
            for (int n : new int[] {2, 33}) {
                View q = TestViews.random(1, type, 1, 2, n, 72);
                View k = TestViews.random(2, type, 1, 1, 40, 72);
                View v = TestViews.random(3, type, 1, 1, 40, 72);
                View dout = TestViews.random(4, type, q.shape());
                View out = TestViews.garbage(type, q.shape());
                View lse = garbage(1, 2, n);
                // Whatever a float32 operand or a result is rounded to: bfloat16 at the worst, a few times over.
                double tolerance = precision == Precision.F32 && type == DType.F32 ? CudaTwin.EXACT : 8 * UNIT;
                CudaTwin.compare(
                        type + " forward", precision, tolerance, to(out, lse), (kernels, d) -> kernels.attention()
                                .forward(q, k, v, 0.1, Mask.CAUSAL, d[0], d[1]));
                Backends.scalar().attention().forward(q, k, v, 0.1, Mask.CAUSAL, out, lse);
                View[] gradients = {
                    TestViews.garbage(type, q.shape()),
                    TestViews.garbage(type, k.shape()),
                    TestViews.garbage(type, v.shape())
                };
                CudaTwin.compare(
                        type + " backward", precision, tolerance, gradients, (kernels, d) -> kernels.attention()
                                .backward(q, k, v, 0.1, Mask.CAUSAL, out, lse, dout, d[0], d[1], d[2]));
            }
        }
    }

    /** Layouts that no kernel reads or writes in place: gaps everywhere, dimensions in reverse order. */
    @Test
    void anyLayout() {
        View q = TestViews.strided(1, DType.F32, 2, 2, 20, 8);
        View k = TestViews.strided(2, DType.F32, 2, 1, 33, 8);
        View v = TestViews.strided(3, DType.F32, 2, 1, 33, 8);
        View out = TestViews.strided(4, DType.F32, 2, 2, 20, 8);
        View lse = TestViews.strided(5, DType.F32, 2, 2, 20);
        CudaTwin.compare("forward", to(out, lse), (kernels, d) -> kernels.attention()
                .forward(q, k, v, 0.3, Mask.NONE, d[0], d[1]));
        Backends.scalar().attention().forward(q, k, v, 0.3, Mask.NONE, out, lse);
        View dout = TestViews.strided(6, DType.F32, 2, 2, 20, 8);
        View[] gradients = {
            TestViews.strided(7, DType.F32, 2, 2, 20, 8),
            TestViews.strided(8, DType.F32, 2, 1, 33, 8),
            TestViews.strided(9, DType.F32, 2, 1, 33, 8)
        };
        CudaTwin.compare("backward", gradients, (kernels, d) -> kernels.attention()
                .backward(q, k, v, 0.3, Mask.NONE, out, lse, dout, d[0], d[1], d[2]));
    }

    @Test
    void onlyWhatIsWanted() {
        View q = rounded(Precision.BF16, random(1, 1, 1, 20, 16));
        View k = rounded(Precision.BF16, random(2, 1, 1, 33, 16));
        View v = rounded(Precision.BF16, random(3, 1, 1, 33, 16));
        View out = garbage(q.shape());
        View lse = garbage(1, 1, 20);
        View dout = rounded(Precision.BF16, random(4, q.shape()));
        Backends.scalar().attention().forward(q, k, v, 0.25, Mask.CAUSAL, out, lse);
        for (Precision precision : new Precision[] {Precision.F32, Precision.BF16}) {
            double unit = unit(precision, q);
            CudaTwin.compare("without lse", precision, unit, to(out), (kernels, d) -> kernels.attention()
                    .forward(q, k, v, 0.25, Mask.CAUSAL, d[0], null));
            CudaTwin.compare(
                    "dv alone", precision, 2 * unit, to(garbage(v.shape())), (kernels, d) -> kernels.attention()
                            .backward(q, k, v, 0.25, Mask.CAUSAL, out, lse, dout, null, null, d[0]));
            CudaTwin.compare(
                    "dk alone", precision, 2 * unit, to(garbage(k.shape())), (kernels, d) -> kernels.attention()
                            .backward(q, k, v, 0.25, Mask.CAUSAL, out, lse, dout, null, d[0], null));
            CudaTwin.compare(
                    "dq alone", precision, 2 * unit, to(garbage(q.shape())), (kernels, d) -> kernels.attention()
                            .backward(q, k, v, 0.25, Mask.CAUSAL, out, lse, dout, d[0], null, null));
        }
    }

    /** Scores far apart: the maximum of a row moves from tile to tile, by more than the exponent could hold. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void scoresFarApart(Precision precision) {
        View q = rounded(precision, random(1, 1, 1, 20, 16));
        View k = rounded(precision, random(2, 1, 1, 200, 16));
        View v = rounded(precision, random(3, 1, 1, 200, 16));
        CudaTwin.compare(
                "forward",
                precision,
                unit(precision, q),
                to(garbage(q.shape()), garbage(1, 1, 20)),
                (kernels, d) -> kernels.attention().forward(q, k, v, 20, Mask.NONE, d[0], d[1]));
    }

    /** What nobody sees may be anything: keys that are masked, and what lies behind a cache's end. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void garbageBehindMasks(Precision precision) {
        for (int n : new int[] {2, 20}) {
            View keys = hidden(1, 70);
            View q = rounded(precision, random(1, 1, 2, n, 64));
            View k = rounded(precision, random(2, 1, 1, 77, 64)).slice(2, 0, 70);
            View v = rounded(precision, random(3, 1, 1, 77, 64)).slice(2, 0, 70);
            for (int j = 0; j < 77; j++) {
                if (j >= 70 || keys.get(0, j) == 0) {
                    for (int c = 0; c < 64; c++) {
                        k.setAt(k.index(0, 0, j, c), Double.NaN);
                        v.setAt(v.index(0, 0, j, c), Double.POSITIVE_INFINITY);
                    }
                }
            }
            check(precision, q, k, v, new Mask(false, keys));
            check(precision, q, k, v, new Mask(true, keys));
        }
    }

    /** As scalar/: NaN in a query, a key or a value reaches the rows that see it, and lse says so. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void nanIsSeen(Precision precision) {
        for (int n : new int[] {2, 20}) {
            View q = rounded(precision, random(1, 1, 1, n, 16));
            View k = rounded(precision, random(2, 1, 1, 70, 16));
            View v = rounded(precision, random(3, 1, 1, 70, 16));
            q.set(Double.NaN, 0, 0, 1, 3);
            check(precision, q, k, v, Mask.NONE);
            v.set(Double.NaN, 0, 0, 69, 5);
            check(precision, q, k, v, Mask.NONE);
        }
    }

    /** As scalar/: what a query does not see by its place may be anything. */
    @ParameterizedTest(name = "{0}: N{1} M{2} D{3}")
    @CsvSource({
        "F32, 70, 75, 16",
        "F32, 4, 75, 16",
        "BF16, 70, 75, 64",
        "BF16, 100, 61, 80",
        "BF16, 140, 150, 13",
        "BF16, 70, 90, 128",
        "F16, 40, 40, 96"
    })
    void laterKeysMayBeAnything(Precision precision, int n, int m, int d) {
        View q = rounded(precision, random(1, 1, 2, n, d));
        View k = rounded(precision, random(2, 1, 1, m, d));
        View v = rounded(precision, random(3, 1, 1, m, d));
        k.set(Double.NaN, 0, 0, m - 2, 3);
        v.set(Double.NaN, 0, 0, m - 1, 5);
        v.set(Double.NaN, 0, 0, m - 30, 0);
        v.set(Double.NEGATIVE_INFINITY, 0, 0, m - 3, d - 1);
        laterKeys(precision, q, k, v, Mask.CAUSAL);
        laterKeys(precision, q, k, v, new Mask(true, hidden(1, m)));
        View last = rounded(precision, random(3, 1, 1, m, d));
        last.set(Double.NaN, 0, 0, m - 1, 5);
        laterKeys(precision, q, rounded(precision, random(2, 1, 1, m, d)), last, Mask.CAUSAL);
    }

    private static void laterKeys(Precision precision, View q, View k, View v, Mask mask) {
        CudaTwin.compare(
                "forward",
                precision,
                unit(precision, q),
                to(garbage(q.shape()), garbage(1, 2, q.size(2))),
                (kernels, to) -> kernels.attention().forward(q, k, v, 0.3, mask, to[0], to[1]));
    }

    /**
     * As scalar/: what a query does not see by its place may be anything on the way back too. Later keys and values are none of a query's
     * gradient, earlier queries and what their results weigh none of a key's.
     */
    @ParameterizedTest(name = "{0}: N{1} M{2} D{3}")
    @CsvSource({
        "F32, 70, 75, 16",
        "F32, 4, 75, 16",
        "BF16, 70, 75, 64",
        "BF16, 100, 61, 80",
        "BF16, 140, 150, 13",
        "BF16, 70, 90, 128",
        "F16, 40, 40, 96"
    })
    void gradientsOfWhatIsNotSeenMayBeAnything(Precision precision, int n, int m, int d) {
        View q = rounded(precision, random(1, 1, 2, n, d));
        View k = rounded(precision, random(2, 1, 1, m, d));
        View v = rounded(precision, random(3, 1, 1, m, d));
        View dout = rounded(precision, random(4, q.shape()));
        View oddKeys = rounded(precision, random(2, 1, 1, m, d));
        View oddValues = rounded(precision, random(3, 1, 1, m, d));
        View oddQueries = rounded(precision, random(1, 1, 2, n, d));
        View oddGradients = rounded(precision, random(4, q.shape()));
        oddKeys.set(Double.NaN, 0, 0, m - 2, 3);
        oddValues.set(Double.NaN, 0, 0, m - 1, 5);
        oddQueries.set(Double.NaN, 0, 0, n - 30 < 0 ? 0 : n - 30, d - 1);
        oddGradients.set(Double.NaN, 0, 1, n < 20 ? 1 : n - 20, 0);
        for (Mask mask : new Mask[] {Mask.CAUSAL, new Mask(true, hidden(1, m))}) {
            gradients(precision, q, k, oddValues, dout, mask);
            gradients(precision, q, oddKeys, v, dout, mask);
            gradients(precision, oddQueries, k, v, dout, mask);
            gradients(precision, q, k, v, oddGradients, mask);
        }
    }

    private static void gradients(Precision precision, View q, View k, View v, View dout, Mask mask) {
        View out = garbage(q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        Backends.scalar().attention().forward(q, k, v, 0.3, mask, out, lse);
        CudaTwin.compare(
                "backward",
                precision,
                2 * unit(precision, q),
                to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape())),
                (kernels, d) -> kernels.attention().backward(q, k, v, 0.3, mask, out, lse, dout, d[0], d[1], d[2]));
    }

    @ParameterizedTest(name = "{0}: B{1} {2} heads of {3} queries, N{4} M{5} D{6} causal {7} hidden {8}")
    @CsvSource({
        "F32, 2, 2, 1, 1, 1, 64, true, false",
        "F32, 1, 1, 4, 1, 577, 128, true, false",
        "F32, 2, 1, 2, 3, 300, 72, true, true",
        "F32, 1, 1, 8, 1, 13, 256, false, false",
        "F32, 1, 1, 2, 8, 5, 13, true, false",
        "F32, 1, 2, 2, 1, 0, 8, false, false",
        "F32, 1, 1, 1, 1, 2100, 16, true, false",
        "BF16, 1, 2, 4, 1, 700, 128, true, false",
        "BF16, 1, 1, 8, 2, 257, 64, true, true",
        "BF16, 1, 1, 1, 1, 256, 96, false, true",
        "F16, 2, 1, 3, 1, 129, 80, false, true",
        "F16, 1, 1, 1, 5, 100, 160, true, false",
    })
    void fewQueriesOverACache(
            DType type, int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = random(1, b, n, heads * group, d).transpose(1, 2);
        View k = TestViews.random(2, type, b, heads, m + 7, d).slice(2, 0, m);
        View v = TestViews.random(3, type, b, heads, m + 7, d).slice(2, 0, m);
        Mask mask = new Mask(causal, hide ? hidden(b, m) : null);
        CudaTwin.compare(
                "decode",
                Precision.BF16,
                CudaTwin.EXACT,
                to(garbage(q.shape()), garbage(b, (long) heads * group, n)),
                (kernels, to) -> kernels.attention().forward(q, k, v, 1 / Math.sqrt(d), mask, to[0], to[1]));
    }

    @ParameterizedTest(name = "{0}: {1} heads of {2} queries, D{3}, pages of {4}, {5} in common")
    @CsvSource({
        "F32, 2, 4, 128, 64, 64",
        "F32, 1, 1, 13, 64, 130",
        "F32, 1, 2, 72, 4, 40",
        "F32, 1, 3, 256, 16, 0",
        "BF16, 2, 4, 128, 64, 130",
        "BF16, 1, 8, 64, 128, 128",
        "F16, 1, 3, 80, 64, 0",
    })
    void pages(DType type, int heads, int group, int d, int tokens, int common) {
        // The longest comes last: what is read behind its row is behind the table.
        pages(PagedKeys.random(type, heads, d, tokens, common, 65, 1, 0, 64, 13, 128, 300), heads * group, d);
        if (d == 64) {
            // The longest is cut into longer splits, and into fewer than the next.
            pages(PagedKeys.random(type, heads, d, tokens, common, 2100, 2048, 70), heads * group, d);
        }
    }

    private static void pages(PagedKeys p, int heads, int d) {
        int sequences = p.keys().size();
        View q = random(1, sequences, heads, d);
        double scale = 1 / Math.sqrt(d);
        CudaTwin.compare(
                "pages", Precision.BF16, CudaTwin.EXACT, to(garbage(q.shape())), (kernels, out) -> kernels.attention()
                        .paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), scale, out[0]));
        Attention fast = CudaTwin.kernels(Precision.F32).attention();
        View out = garbage(q.shape());
        fast.paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), scale, out);
        for (int b = 0; b < sequences; b++) {
            View alone = garbage(heads, d);
            p.alone(fast, b, q.select(0, b), scale, alone);
            assertThat(out.select(0, b).toDoubles())
                    .as("bits of sequence %d", b)
                    .isEqualTo(alone.toDoubles());
        }
    }

    /** Pages that a team of lanes would have to cross, and lists of numbers with gaps, are for the host. */
    @Test
    void pagesOfAnySize() {
        PagedKeys p = PagedKeys.random(DType.F32, 1, 16, 6, 0, 20, 7);
        View q = random(1, 2, 2, 16);
        for (View table : new View[] {p.table(), gaps(p.table())}) {
            View expected = garbage(q.shape());
            Backends.scalar()
                    .attention()
                    .paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), 0.3, expected);
            View got = garbage(q.shape());
            CudaTwin.kernels(Precision.F32)
                    .attention()
                    .paged(q, p.pagedKeys(), p.pagedValues(), table, p.lengths(), 0.3, got);
            assertThat(got.toDoubles()).containsExactly(expected.toDoubles(), within(1e-6));
        }
    }

    /** The last of each sequence's keys is put where the table says, and nothing else is touched; what looks for it finds it. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void oneMoreKey(DType type) {
        View k = random(1, 6, 1, 2, 24).slice(3, 2, 22).select(1, 0);
        View v = random(2, 6, 2, 20);
        for (int tokens : new int[] {4, 16, 64}) {
            PagedKeys p = PagedKeys.random(type, 2, 20, tokens, 0, 1, 15, 16, 17, 0, 130);
            CudaTwin.compare(
                    type + " pages of " + tokens,
                    to(p.pagedKeys(), p.pagedValues()),
                    (kernels, out) -> kernels.attention().append(k, v, out[0], out[1], p.table(), p.lengths()));
        }
        // Pages of 6, and lists with gaps, are the host's.
        PagedKeys p = PagedKeys.random(type, 2, 20, 6, 0, 1, 15, 16, 17, 0, 130);
        for (View table : to(p.table(), gaps(p.table()))) {
            View[] expected = TestViews.copies(to(p.pagedKeys(), p.pagedValues()));
            View[] got = TestViews.copies(to(p.pagedKeys(), p.pagedValues()));
            Backends.scalar().attention().append(k, v, expected[0], expected[1], p.table(), p.lengths());
            CudaTwin.kernels(Precision.F32).attention().append(k, v, got[0], got[1], table, p.lengths());
            assertThat(got[0].toDoubles()).isEqualTo(expected[0].toDoubles());
            assertThat(got[1].toDoubles()).isEqualTo(expected[1].toDoubles());
        }
    }

    /** A token's queries turned, its key and value put in place, in one launch: the bits of three, and nothing else is touched. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void oneMoreTurnedKey(DType type) {
        CudaKernels kernels = CudaTwin.kernels(Precision.F32);
        RotaryEmbedding rotary = kernels.rotaryEmbedding();
        for (int d : new int[] {20, 64, 6}) {
            PagedKeys p = PagedKeys.random(type, 2, d, 16, 0, 1, 15, 16, 17, 0, 130);
            Attention.Token whole = token(6, 6, 2, d);
            View apart = random(7, 6, 6, d + 1).slice(2, 1, d + 1);
            Attention.Token odd = new Attention.Token(apart, whole.k(), whole.v(), whole.cos(), whole.sin());
            View shifted = random(7, 6, 6, d + 4).slice(2, 1, d + 1);
            Attention.Token off = new Attention.Token(shifted, whole.k(), whole.v(), whole.cos(), whole.sin());
            for (Attention.Token t : List.of(whole, odd, off)) {
                View[] one = TestViews.copies(to(p.pagedKeys(), p.pagedValues(), garbage(6, 6, d)));
                View[] three = TestViews.copies(to(p.pagedKeys(), p.pagedValues(), garbage(6, 6, d)));
                View untouched = garbage(6, 2, d);
                assertThat(CudaBackend.launches(kernels, () -> kernels.attention()
                                .appendTurned(t, rotary, one[0], one[1], p.table(), p.lengths(), untouched, one[2])))
                        .isEqualTo(Map.of("rotate_append", 1));
                View turned = garbage(6, 2, d);
                View cos = t.cos().unsqueeze(1);
                View sin = t.sin().unsqueeze(1);
                rotary.rotate(t.q().unsqueeze(1), cos, sin, false, three[2].unsqueeze(1));
                rotary.rotate(t.k().unsqueeze(1), cos, sin, false, turned.unsqueeze(1));
                kernels.attention().append(turned, t.v(), three[0], three[1], p.table(), p.lengths());
                for (int i = 0; i < 3; i++) {
                    assertThat(one[i].toDoubles())
                            .as("%s, %d wide, destination %d", type, d, i)
                            .isEqualTo(three[i].toDoubles());
                }
            }
            CudaTwin.compare(
                    type + " beside the plain kernels",
                    Precision.F32,
                    type == DType.F32 ? CudaTwin.EXACT : type == DType.F16 ? 0x1p-10 : 0x1p-7,
                    to(p.pagedKeys(), p.pagedValues(), garbage(6, 6, d)),
                    (k, out) -> k.attention()
                            .appendTurned(
                                    whole,
                                    k.rotaryEmbedding(),
                                    out[0],
                                    out[1],
                                    p.table(),
                                    p.lengths(),
                                    garbage(6, 2, d),
                                    out[2]));
        }
    }

    /** Queries in 16 bits, pages of 6 and no sequence at all are not the kernel's, and right all the same. */
    @Test
    void turnedKeysOneAfterTheOther() {
        CudaKernels kernels = CudaTwin.kernels(Precision.F32);
        Attention.Token t = token(3, 4, 2, 8);
        for (int tokens : new int[] {6, 16}) {
            PagedKeys p = PagedKeys.random(DType.F32, 2, 8, tokens, 0, 1, 15, 16);
            View q = TestViews.random(5, tokens == 6 ? DType.F32 : DType.BF16, 3, 4, 8);
            Attention.Token other = new Attention.Token(q, t.k(), t.v(), t.cos(), t.sin());
            View[] got = TestViews.copies(to(p.pagedKeys(), p.pagedValues(), TestViews.garbage(q.dtype(), 3, 4, 8)));
            View[] expected = TestViews.copies(got);
            for (Kernels k : List.of(kernels, Backends.scalar())) {
                View[] out = k == kernels ? got : expected;
                View room = garbage(3, 2, 8);
                k.attention()
                        .appendTurned(other, k.rotaryEmbedding(), out[0], out[1], p.table(), p.lengths(), room, out[2]);
            }
            for (int i = 0; i < 3; i++) {
                assertThat(got[i].toDoubles())
                        .containsExactly(expected[i].toDoubles(), within(i == 2 && tokens == 16 ? 0x1p-6 : 1e-5));
            }
        }
        PagedKeys p = PagedKeys.random(DType.F32, 2, 8, 16, 0, 1, 15, 16);
        Attention.Token none = token(0, 4, 2, 8);
        assertThat(CudaBackend.launches(kernels, () -> kernels.attention()
                        .appendTurned(
                                none,
                                kernels.rotaryEmbedding(),
                                p.pagedKeys(),
                                p.pagedValues(),
                                p.table().slice(0, 0, 0),
                                p.lengths().slice(0, 0, 0),
                                garbage(0, 2, 8),
                                garbage(0, 4, 8))))
                .isEmpty();
    }

    private static Attention.Token token(int sequences, int heads, int keyHeads, int d) {
        return new Attention.Token(
                random(1, sequences, heads, d),
                random(2, sequences, keyHeads, d),
                random(3, sequences, keyHeads, d),
                random(4, sequences, d / 2),
                random(5, sequences, d / 2));
    }

    private static View gaps(View numbers) {
        View wide =
                TestViews.zeros(DType.I64, numbers.size(0), numbers.size(1), 2).select(2, 1);
        for (long i = 0; i < numbers.elements(); i++) {
            wide.setLongAt(wide.position(i), numbers.getLongAt(i));
        }
        return wide;
    }

    @Test
    void mostSplitsOfAnyLengthUpTo() {
        int[] most = new int[140000];
        for (int m = 1; m < most.length; m++) {
            int split = m <= 1024 ? 64 : m <= 4096 ? 128 : m <= 16384 ? 256 : m <= 65536 ? 512 : 1024;
            most[m] = Math.max(most[m - 1], (m + split - 1) / split);
            assertThat(DecodeAttention.mostSplits(m)).as("%d keys", m).isEqualTo(most[m]);
        }
        assertThat(DecodeAttention.mostSplits(0)).isEqualTo(1);
    }

    /** A sequence has the same bits alone, in a batch, and beside one that is longer and masks the rest of it. */
    @Test
    void theSameBitsInAnyCompany() {
        View q = random(1, 3, 4, 1, 64);
        View k = random(2, 3, 2, 600, 64);
        View v = random(3, 3, 2, 600, 64);
        View keys = TestViews.zeros(DType.U8, 3, 600);
        for (int b = 0; b < 3; b++) {
            for (int j = 0; j < 200 + 200 * b; j++) {
                keys.set(1, b, j);
            }
        }
        View together = decoded(q, k, v, new Mask(false, keys));
        for (int b = 0; b < 3; b++) {
            View alone = decoded(
                    q.slice(0, b, b + 1),
                    k.slice(0, b, b + 1).slice(2, 0, 200 + 200 * b),
                    v.slice(0, b, b + 1).slice(2, 0, 200 + 200 * b),
                    Mask.CAUSAL);
            assertThat(together.slice(0, b, b + 1).toDoubles())
                    .as("sequence %d", b)
                    .isEqualTo(alone.toDoubles());
        }
    }

    private static View decoded(View q, View k, View v, Mask mask) {
        View out = garbage(q.shape());
        CudaTwin.kernels(Precision.F32).attention().forward(q, k, v, 0.125, mask, out, null);
        return out;
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
                (kernels, d) -> kernels.attention().backward(q, k, v, scale, mask, out, lse, dout, d[0], d[1], d[2]));
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
