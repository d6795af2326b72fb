package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.PackedHeads;
import io.aegis.kernels.PagedKeys;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuAttentionTest {
    private static final Attention WITHOUT_BLAS =
            new CpuAttention(Backends.scalar().attention(), new VectorGemm());

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 1",
        "2, 3, 13, 13, 8",
        "1, 2, 63, 65, 64",
        "2, 1, 65, 300, 72",
        "1, 1, 197, 197, 64",
        "1, 1, 129, 577, 13",
        "1, 2, 1, 257, 16",
        "0, 2, 3, 3, 4",
    })
    void forwardAndBackward(int b, int h, int n, int m, int d) {
        double scale = 1 / Math.sqrt(d);
        View q = random(1, b, h, n, d);
        View k = random(2, b, h, m, d);
        View v = random(3, b, h, m, d);
        check(q, k, v, scale);
    }

    @Test
    void headsInsidePackedRows() {
        View qkv = random(1, 2, 65, 3 * 48);
        View[] parts = new View[3];
        for (int i = 0; i < 3; i++) {
            parts[i] =
                    qkv.slice(2, i * 48L, (i + 1) * 48L).reshape(2, 65, 3, 16).transpose(1, 2);
        }
        check(parts[0], parts[1], parts[2], 0.25);
    }

    @Test
    void scoresFarApart() {
        View q = random(1, 1, 1, 5, 8);
        Twin.fast().elementwise().affine(q, 60, 0, q);
        View k = random(2, 1, 1, 600, 8);
        View v = random(3, 1, 1, 600, 8);
        Twin.compare("forward", to(garbage(q.shape()), garbage(1, 1, 5)), (kernels, d) -> kernels.attention()
                .forward(q, k, v, 1, Mask.NONE, d[0], d[1]));
    }

    @ParameterizedTest(name = "B{0} {1} heads of {2} queries, N{3} M{4} D{5} causal {6} hidden {7}")
    @CsvSource({
        "1, 1, 1, 1, 1, 1, true, false",
        "2, 2, 3, 13, 13, 8, true, false",
        "1, 2, 4, 65, 65, 64, true, false",
        "1, 1, 2, 197, 577, 72, true, false",
        "1, 2, 1, 129, 300, 128, true, true",
        "2, 1, 4, 63, 300, 72, false, true",
        "1, 2, 2, 70, 20, 16, true, false",
        "2, 3, 2, 72, 300, 13, true, true",
        "2, 2, 4, 1, 577, 128, true, false",
        "2, 2, 3, 1, 65, 72, false, true",
        "1, 1, 2, 1, 1, 13, true, true",
        "1, 2, 2, 5, 0, 8, true, false",
        "1, 2, 2, 1, 0, 8, false, false",
    })
    void masksAndGroups(int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = random(1, b, n, heads * group, d).transpose(1, 2);
        // A cache that is longer than what it holds, a head after the other.
        View k = random(2, b, heads, m + 7, d).slice(2, 0, m);
        View v = random(3, b, heads, m + 7, d).slice(2, 0, m);
        check(q, k, v, 1 / Math.sqrt(d), new Mask(causal, hide ? hidden(b, m) : null));
    }

    /** The first sequence sees every third key, from the sixth on; the others see nothing at all. */
    private static View hidden(int b, int m) {
        View keys = TestViews.zeros(DType.U8, b, m + 2L).slice(1, 1, m + 1L);
        for (int j = 6; j < m; j += 3) {
            keys.set(255, 0, j);
        }
        return keys;
    }

    @ParameterizedTest(name = "{0} heads of {1} queries, D{2}, pages of {3}, {4} in common")
    @CsvSource({
        "2, 4, 128, 64, 0",
        "1, 1, 13, 64, 130",
        "2, 3, 72, 16, 40",
        "1, 2, 64, 5, 64",
        "1, 8, 80, 128, 128",
        "2, 2, 16, 1, 3",
    })
    void pages(int heads, int group, int d, int tokens, int common) {
        PagedKeys p = PagedKeys.random(DType.F32, heads, d, tokens, common, 1, 65, 0, 64, 577, 13, 128);
        View q = random(1, 7, (long) heads * group, d);
        double scale = 1 / Math.sqrt(d);
        Twin.compare("pages", to(garbage(q.shape())), (kernels, out) -> kernels.attention()
                .paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), scale, out[0]));
        View out = garbage(q.shape());
        Attention fast = Twin.fast().attention();
        fast.paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), scale, out);
        for (int b = 0; b < 7; b++) {
            View alone = garbage((long) heads * group, d);
            p.alone(fast, b, q.select(0, b), scale, alone);
            assertThat(out.select(0, b).toDoubles())
                    .as("bits of sequence %d", b)
                    .isEqualTo(alone.toDoubles());
        }
    }

    /** Beside the plain kernels, and each with the bits that it has alone; rows behind the last sequence are NaN. */
    @ParameterizedTest(name = "{0} heads of {1} queries, D{2} causal {3}, lengths {4} over {5}")
    @CsvSource({
        "1, 1, 13, false, 1 63 0 64 65, 1 63 0 64 65",
        "2, 2, 72, true, 65 1 64 63, 65 1 64 63",
        "1, 4, 128, true, 5 0 130 1 33, 7 3 145 0 130",
        "2, 3, 64, false, 300, 577",
        "1, 2, 16, true, 0 0, 0 0",
        "1, 2, 16, true, 0, 20",
        "1, 2, 16, false, 20, 0",
    })
    void packedSequences(int heads, int group, int d, boolean causal, String queries, String keys) {
        PackedHeads p = PackedHeads.random(DType.F32, heads, group, d, numbers(queries), numbers(keys));
        double scale = 1 / Math.sqrt(d);
        View out = garbage(p.q().shape());
        View lse = p.lse();
        View[] gradients = {garbage(p.q().shape()), garbage(p.k().shape()), garbage(p.v().shape())};
        Twin.compare("forward", to(out, lse), (kernels, to) -> kernels.attention()
                .packed(p.q(), p.k(), p.v(), p.sequences(), scale, causal, to[0], to[1]));
        Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), scale, causal, out, lse);
        Twin.compare("backward", gradients, (kernels, to) -> kernels.attention()
                .packedBackward(
                        p.q(), p.k(), p.v(), p.sequences(), scale, causal, out, lse, p.dout(), to[0], to[1], to[2]));
        Attention fast = Twin.fast().attention();
        fast.packed(p.q(), p.k(), p.v(), p.sequences(), scale, causal, out, lse);
        for (Attention.Sequence s : p.sequences().list(p.q().size(0), p.k().size(0))) {
            View alone = garbage(s.queries(p.q()).shape());
            fast.forward(
                    s.queries(p.q()),
                    s.keys(p.k()),
                    s.keys(p.v()),
                    scale,
                    causal ? Mask.CAUSAL : Mask.NONE,
                    alone,
                    null);
            assertThat(s.queries(out).toDoubles()).as("bits of %s", s).isEqualTo(alone.toDoubles());
        }
    }

    private static int[] numbers(String line) {
        return Arrays.stream(line.split(" ")).mapToInt(Integer::parseInt).toArray();
    }

    /** What is not finite reaches what sees it, in its own sequence. */
    @Test
    void packedSequencesSeeNothingOfOthers() {
        int[] lengths = {64, 70, 65};
        for (boolean causal : new boolean[] {true, false}) {
            PackedHeads p = PackedHeads.random(DType.F32, 1, 2, 24, lengths, lengths);
            p.spoil(Double.NaN, 64 + 30, 64 + 40);
            View[] out = to(garbage(p.q().shape()), p.lse());
            Twin.compare("forward", out, (kernels, to) -> kernels.attention()
                    .packed(p.q(), p.k(), p.v(), p.sequences(), 0.2, causal, to[0], to[1]));
            Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), 0.2, causal, out[0], out[1]);
            View[] gradients = to(garbage(p.q().shape()), garbage(p.k().shape()), garbage(p.v().shape()));
            Twin.compare("backward", gradients, (kernels, to) -> kernels.attention()
                    .packedBackward(
                            p.q(),
                            p.k(),
                            p.v(),
                            p.sequences(),
                            0.2,
                            causal,
                            out[0],
                            out[1],
                            p.dout(),
                            to[0],
                            to[1],
                            to[2]));
        }
    }

    /** What lies in the future of every query, or behind a cache's end, is never read. */
    @Test
    void theFutureIsNotRead() {
        View q = random(1, 1, 2, 65, 16);
        View k = random(2, 1, 1, 65, 16);
        View v = random(3, 1, 1, 65, 16);
        View out = garbage(1, 2, 65, 16);
        Twin.fast().attention().forward(q, k, v, 0.25, Mask.CAUSAL, out, null);
        for (View last : new View[] {k.slice(2, 64, 65), v.slice(2, 64, 65)}) {
            Twin.fast().elementwise().affine(last, 100, 1, last);
        }
        View again = garbage(1, 2, 65, 16);
        Twin.fast().attention().forward(q, k, v, 0.25, Mask.CAUSAL, again, null);
        assertThat(again.slice(2, 0, 64).toDoubles())
                .isEqualTo(out.slice(2, 0, 64).toDoubles());
    }

    /**
     * As the plain kernels: what a query does not see may be anything. Later and hidden keys and values are no part of it, earlier queries
     * and what their results weigh none of a key's gradient.
     */
    @ParameterizedTest(name = "N{0} M{1} D{2}")
    @CsvSource({"70, 75, 16", "140, 530, 13", "200, 150, 24", "1, 40, 24", "3, 5, 8"})
    void whatIsNotSeenMayBeAnything(int n, int m, int d) {
        View hidden = hidden(1, m);
        for (Mask mask : new Mask[] {Mask.CAUSAL, new Mask(true, hidden), new Mask(false, hidden)}) {
            View q = random(1, 1, 2, n, d);
            View k = random(2, 1, 1, m, d);
            View v = random(3, 1, 1, m, d);
            View dout = random(4, q.shape());
            View oddKeys = random(2, k.shape());
            View oddValues = random(3, v.shape());
            View oddQueries = random(1, q.shape());
            View oddGradients = random(4, q.shape());
            oddKeys.set(Double.NaN, 0, 0, m - 1, 3);
            oddValues.set(Double.NEGATIVE_INFINITY, 0, 0, m - 1, d - 1);
            for (int j = 0; mask.keys() != null && j < m; j++) {
                if (hidden.get(0, j) == 0) {
                    oddKeys.set(Double.POSITIVE_INFINITY, 0, 0, j, 0);
                    oddValues.set(Double.NaN, 0, 0, j, d / 2);
                }
            }
            oddQueries.set(Double.NaN, 0, 0, n / 3, d - 1);
            oddGradients.set(Double.NaN, 0, 1, n / 2, 0);
            for (boolean own : new boolean[] {false, true}) {
                withMask(own, q, k, oddValues, mask, dout);
                withMask(own, q, oddKeys, v, mask, dout);
                withMask(own, oddQueries, k, v, mask, dout);
                withMask(own, q, k, v, mask, oddGradients);
            }
        }
    }

    private static void withMask(boolean own, View q, View k, View v, Mask mask, View dout) {
        View out = garbage(q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        Twin.compare("forward", to(out, lse), (kernels, d) -> of(kernels, own).forward(q, k, v, 0.3, mask, d[0], d[1]));
        Backends.scalar().attention().forward(q, k, v, 0.3, mask, out, lse);
        Twin.compare("backward", to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape())), (kernels, d) -> of(
                        kernels, own)
                .backward(q, k, v, 0.3, mask, out, lse, dout, d[0], d[1], d[2]));
    }

    private static void check(View q, View k, View v, double scale) {
        check(q, k, v, scale, Mask.NONE);
    }

    private static void check(View q, View k, View v, double scale, Mask mask) {
        View out = garbage(q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        Twin.compare(
                "forward", to(out, lse), (kernels, d) -> of(kernels, false).forward(q, k, v, scale, mask, d[0], d[1]));
        Twin.compare(
                "without lse", to(out), (kernels, d) -> of(kernels, true).forward(q, k, v, scale, mask, d[0], null));
        Twin.fast().attention().forward(q, k, v, scale, mask, out, lse);
        View dout = random(4, q.shape());
        for (boolean own : new boolean[] {false, true}) {
            Twin.compare("backward", to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape())), (kernels, d) -> of(
                            kernels, own)
                    .backward(q, k, v, scale, mask, out, lse, dout, d[0], d[1], d[2]));
            Twin.compare("dv alone", to(garbage(v.shape())), (kernels, d) -> of(kernels, own)
                    .backward(q, k, v, scale, mask, out, lse, dout, null, null, d[0]));
            Twin.compare("dq alone", to(garbage(q.shape())), (kernels, d) -> of(kernels, own)
                    .backward(q, k, v, scale, mask, out, lse, dout, d[0], null, null));
        }
    }

    private static Attention of(io.aegis.kernels.Kernels k, boolean withoutBlas) {
        return withoutBlas && k.name().equals("cpu") ? WITHOUT_BLAS : k.attention();
    }
}
