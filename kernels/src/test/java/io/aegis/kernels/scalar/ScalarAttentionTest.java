package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Attention.Sequences;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScalarAttentionTest {
    private final Attention attention = Backends.scalar().attention();

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1, 1", "2, 3, 5, 7, 4", "1, 2, 13, 1, 3", "2, 1, 0, 3, 2", "0, 1, 2, 2, 2"})
    void matchesTheDefinition(int b, int h, int n, int m, int d) {
        View q = heads(1, b, h, n, d);
        View k = heads(2, b, h, m, d);
        View v = heads(3, b, h, m, d);
        View out = TestViews.garbage(DType.F64, b, n, h, d).transpose(1, 2);
        View lse = TestViews.garbage(DType.F64, b, h, n);
        attention.forward(q, k, v, 0.7, Mask.NONE, out, lse);
        for (int p = 0; p < b; p++) {
            for (int i = 0; i < h; i++) {
                for (int r = 0; r < n; r++) {
                    double[] weights = new double[m];
                    double total = 0;
                    for (int c = 0; c < m; c++) {
                        double score = 0;
                        for (int e = 0; e < d; e++) {
                            score += q.get(p, i, r, e) * k.get(p, i, c, e);
                        }
                        weights[c] = Math.exp(0.7 * score);
                        total += weights[c];
                    }
                    assertThat(lse.get(p, i, r)).isCloseTo(Math.log(total), within(1e-13));
                    for (int e = 0; e < d; e++) {
                        double sum = 0;
                        for (int c = 0; c < m; c++) {
                            sum += weights[c] / total * v.get(p, i, c, e);
                        }
                        assertThat(out.get(p, i, r, e)).isCloseTo(sum, within(1e-13));
                    }
                }
            }
        }
    }

    /** Keys in pages are the same keys. */
    @Test
    void pages() {
        PagedKeys p = PagedKeys.random(DType.F64, 2, 3, 4, 9, 1, 0, 8, 21, 4);
        View q = TestViews.random(1, DType.F64, 5, 6, 3);
        View out = TestViews.garbage(DType.F64, q.shape());
        attention.paged(q, p.pagedKeys(), p.pagedValues(), p.table(), p.lengths(), 0.7, out);
        for (int b = 0; b < 5; b++) {
            View alone = TestViews.garbage(DType.F64, 6, 3);
            p.alone(attention, b, q.select(0, b), 0.7, alone);
            assertThat(out.select(0, b).toDoubles()).as("sequence %d", b).isEqualTo(alone.toDoubles());
        }
    }

    /** Sequences in the same rows are each what it is in rows of its own, and rows behind the last are nobody's. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void packedSequences(boolean causal) {
        int[] queries = {1, 4, 0, 3, 2};
        int[] keys = {2, 4, 3, 0, 5};
        PackedHeads p = PackedHeads.random(DType.F64, 2, 3, 4, queries, keys);
        View out = TestViews.garbage(DType.F64, p.q().shape());
        View lse = TestViews.garbage(DType.F64, 6, p.q().size(0));
        View dq = TestViews.garbage(DType.F64, p.q().shape());
        View dk = TestViews.garbage(DType.F64, p.k().shape());
        View dv = TestViews.garbage(DType.F64, p.v().shape());
        attention.packed(p.q(), p.k(), p.v(), p.sequences(), 0.7, causal, out, lse);
        attention.packedBackward(p.q(), p.k(), p.v(), p.sequences(), 0.7, causal, out, lse, p.dout(), dq, dk, dv);
        int query = 0;
        int key = 0;
        for (int b = 0; b < queries.length; b++) {
            View q = own(p.q(), query, queries[b]);
            View k = own(p.k(), key, keys[b]);
            View v = own(p.v(), key, keys[b]);
            View o = TestViews.garbage(DType.F64, q.shape());
            View l = TestViews.garbage(DType.F64, 1, 6, queries[b]);
            View[] gradients = {
                TestViews.garbage(DType.F64, q.shape()),
                TestViews.garbage(DType.F64, k.shape()),
                TestViews.garbage(DType.F64, v.shape())
            };
            attention.forward(q, k, v, 0.7, causal ? Mask.CAUSAL : Mask.NONE, o, l);
            attention.backward(
                    q,
                    k,
                    v,
                    0.7,
                    causal ? Mask.CAUSAL : Mask.NONE,
                    o,
                    l,
                    own(p.dout(), query, queries[b]),
                    gradients[0],
                    gradients[1],
                    gradients[2]);
            assertSame(b, out, query, o);
            assertSame(b, dq, query, gradients[0]);
            assertSame(b, dk, key, gradients[1]);
            assertSame(b, dv, key, gradients[2]);
            assertThat(lse.slice(1, query, query + queries[b]).toDoubles()).isEqualTo(l.toDoubles());
            query += queries[b];
            key += keys[b];
        }
        for (View x : new View[] {out, dq}) {
            assertThat(x.slice(0, query, x.size(0)).toDoubles()).containsOnly(0);
        }
        for (View x : new View[] {dk, dv}) {
            assertThat(x.slice(0, key, x.size(0)).toDoubles()).containsOnly(0);
        }
        assertThat(lse.slice(1, query, lse.size(1)).toDoubles()).containsOnly(Double.NEGATIVE_INFINITY);
    }

    @Test
    void offsetsThatAreNoneAreRefused() {
        View good = TestViews.indices(0, 2, 3);
        assertThat(new Sequences(good, good).list(3, 3)).hasSize(2);
        assertThat(new Sequences(good, good).list(4, 5)).hasSize(4);
        refused(
                () -> new Sequences(good, good).list(2, 3),
                "offset 2 of packed queries is 3, expected one from 2 to 2");
        refused(() -> new Sequences(good, good).list(3, 2), "offset 2 of packed keys is 3, expected one from 2 to 2");
        View falling = TestViews.indices(0, 2, 1);
        refused(
                () -> new Sequences(good, falling).list(3, 3),
                "offset 2 of packed keys is 1, expected one from 2 to 3");
        View late = TestViews.indices(1, 2, 3);
        refused(() -> new Sequences(late, good).list(3, 3), "offset 0 of packed queries is 1, expected 0");
        refused(() -> new Sequences(good, TestViews.indices(0, 3)), "as many offsets of keys as of queries");
        refused(() -> new Sequences(TestViews.zeros(DType.F32, 3), good), "must be I64 [B + 1]");
        refused(() -> new Sequences(TestViews.indices(), TestViews.indices()), "must be I64 [B + 1]");
    }

    private static void refused(ThrowingCallable what, String message) {
        assertThatThrownBy(what).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
    }

    /** Rows of [T, H, D] in memory of their own, [1, H, n, D]. */
    private static View own(View x, int from, int n) {
        return TestViews.dense(x.slice(0, from, from + n)).transpose(0, 1).unsqueeze(0);
    }

    private static void assertSame(int b, View packed, int from, View alone) {
        long n = alone.size(2);
        assertThat(packed.slice(0, from, from + n).transpose(0, 1).toDoubles())
                .as("sequence %d", b)
                .isEqualTo(alone.toDoubles());
    }

    @Test
    void gradientsOfPackedSequencesMatchFiniteDifferences() {
        PackedHeads p = PackedHeads.random(DType.F64, 1, 2, 3, new int[] {2, 0, 3}, new int[] {3, 2, 3});
        View q = TestViews.dense(p.q().slice(0, 0, 5));
        View k = TestViews.dense(p.k().slice(0, 0, 8));
        View v = TestViews.dense(p.v().slice(0, 0, 8));
        View dout = TestViews.dense(p.dout().slice(0, 0, 5));
        View out = TestViews.garbage(DType.F64, q.shape());
        View lse = TestViews.garbage(DType.F64, 2, 5);
        View dq = TestViews.garbage(DType.F64, q.shape());
        View dk = TestViews.garbage(DType.F64, k.shape());
        View dv = TestViews.garbage(DType.F64, v.shape());
        attention.packed(q, k, v, p.sequences(), 0.7, true, out, lse);
        attention.packedBackward(q, k, v, p.sequences(), 0.7, true, out, lse, dout, dq, dk, dv);
        new GradientCheck(
                        "packed attention",
                        out,
                        dout,
                        () -> attention.packed(q, k, v, p.sequences(), 0.7, true, out, null))
                .input("q", q, dq)
                .input("k", k, dk)
                .input("v", v, dv);
    }

    @Test
    void largeScoresDoNotOverflow() {
        View q = TestViews.of(DType.F64, new long[] {1, 1, 1, 1}, 1000);
        View k = TestViews.of(DType.F64, new long[] {1, 1, 2, 1}, 1, 0);
        View v = TestViews.of(DType.F64, new long[] {1, 1, 2, 1}, 5, 6);
        View out = TestViews.garbage(DType.F64, 1, 1, 1, 1);
        View lse = TestViews.garbage(DType.F64, 1, 1, 1);
        attention.forward(q, k, v, 1, Mask.NONE, out, lse);
        assertThat(out.get(0, 0, 0, 0)).isEqualTo(5);
        assertThat(lse.get(0, 0, 0)).isEqualTo(1000);
    }

    @Test
    void withoutKeysARowIsZero() {
        View none = TestViews.zeros(DType.F64, 1, 1, 0, 2);
        View q = TestViews.random(1, DType.F64, 1, 1, 3, 2);
        View out = TestViews.garbage(DType.F64, 1, 1, 3, 2);
        View lse = TestViews.garbage(DType.F64, 1, 1, 3);
        attention.forward(q, none, none, 1, Mask.NONE, out, lse);
        assertThat(out.toDoubles()).containsOnly(0);
        assertThat(lse.toDoubles()).containsOnly(Double.NEGATIVE_INFINITY);
    }

    @ParameterizedTest
    @CsvSource({"2, 2, 3, 4, 3", "1, 1, 1, 1, 1", "1, 2, 5, 2, 1"})
    void backwardMatchesFiniteDifferences(int b, int h, int n, int m, int d) {
        View q = heads(1, b, h, n, d);
        View k = heads(2, b, h, m, d);
        View v = heads(3, b, h, m, d);
        View out = TestViews.garbage(DType.F64, b, h, n, d);
        View lse = TestViews.garbage(DType.F64, b, h, n);
        View dout = heads(4, b, h, n, d);
        View dq = TestViews.garbage(DType.F64, b, n, h, d).transpose(1, 2);
        View dk = TestViews.garbage(DType.F64, b, m, h, d).transpose(1, 2);
        View dv = TestViews.garbage(DType.F64, b, m, h, d).transpose(1, 2);
        attention.forward(q, k, v, 0.7, Mask.NONE, out, lse);
        attention.backward(q, k, v, 0.7, Mask.NONE, out, lse, dout, dq, dk, dv);
        new GradientCheck("attention", out, dout, () -> attention.forward(q, k, v, 0.7, Mask.NONE, out, null))
                .input("q", q, dq)
                .input("k", k, dk)
                .input("v", v, dv);
    }

    @Test
    void causalQueriesSeeWhatIsNotLater() {
        View q = TestViews.zeros(DType.F64, 1, 1, 2, 1);
        View k = TestViews.zeros(DType.F64, 1, 1, 4, 1);
        View v = TestViews.of(DType.F64, new long[] {1, 1, 4, 1}, 1, 2, 6, 11);
        View out = TestViews.garbage(DType.F64, 1, 1, 2, 1);
        View lse = TestViews.garbage(DType.F64, 1, 1, 2);
        attention.forward(q, k, v, 1, Mask.CAUSAL, out, lse);
        assertThat(out.toDoubles()).containsExactly(new double[] {3, 5}, within(1e-15));
        assertThat(lse.toDoubles()).containsExactly(new double[] {Math.log(3), Math.log(4)}, within(1e-15));
    }

    @Test
    void hiddenKeysAndRowsThatSeeNothing() {
        View q = TestViews.zeros(DType.F64, 2, 1, 2, 1);
        View k = TestViews.zeros(DType.F64, 2, 1, 2, 1);
        View v = TestViews.of(DType.F64, new long[] {2, 1, 2, 1}, 1, 2, 3, 4);
        View keys = TestViews.of(DType.BOOL, new long[] {2, 2}, 1, 0, 0, 1);
        View out = TestViews.garbage(DType.F64, 2, 1, 2, 1);
        View lse = TestViews.garbage(DType.F64, 2, 1, 2);
        attention.forward(q, k, v, 1, new Mask(true, keys), out, lse);
        assertThat(out.toDoubles()).containsExactly(1, 1, 0, 4);
        assertThat(lse.toDoubles()).containsExactly(0, 0, Double.NEGATIVE_INFINITY, 0);
    }

    @Test
    void queryHeadsShareKeyHeads() {
        View q = heads(1, 2, 6, 3, 4);
        View k = heads(2, 2, 2, 3, 4);
        View v = heads(3, 2, 2, 3, 4);
        View grouped = TestViews.garbage(DType.F64, 2, 6, 3, 4);
        attention.forward(q, k, v, 0.5, Mask.CAUSAL, grouped, null);
        View alone = TestViews.garbage(DType.F64, 2, 1, 3, 4);
        for (int h = 0; h < 6; h++) {
            int kv = h / 3;
            attention.forward(
                    q.slice(1, h, h + 1),
                    k.slice(1, kv, kv + 1),
                    v.slice(1, kv, kv + 1),
                    0.5,
                    Mask.CAUSAL,
                    alone,
                    null);
            assertThat(grouped.slice(1, h, h + 1).toDoubles()).isEqualTo(alone.toDoubles());
        }
    }

    @ParameterizedTest
    @CsvSource({"true, false, 3, 3, 2", "true, true, 3, 5, 1", "false, true, 4, 3, 3", "true, true, 4, 2, 2"})
    void maskedBackwardMatchesFiniteDifferences(boolean causal, boolean hide, int n, int m, int group) {
        View q = heads(1, 2, 2L * group, n, 3);
        View k = heads(2, 2, 2, m, 3);
        View v = heads(3, 2, 2, m, 3);
        View keys = TestViews.of(DType.U8, new long[] {1, 6}, 7, 0, 1, 0, 1, 1).slice(1, 0, m);
        Mask mask = new Mask(causal, hide ? keys.expand(2, m) : null);
        View out = TestViews.garbage(DType.F64, q.shape());
        View lse = TestViews.garbage(DType.F64, 2, 2L * group, n);
        View dout = heads(4, 2, 2L * group, n, 3);
        View dq = TestViews.garbage(DType.F64, q.shape());
        View dk = TestViews.garbage(DType.F64, k.shape());
        View dv = TestViews.garbage(DType.F64, v.shape());
        attention.forward(q, k, v, 0.7, mask, out, lse);
        attention.backward(q, k, v, 0.7, mask, out, lse, dout, dq, dk, dv);
        new GradientCheck("masked attention", out, dout, () -> attention.forward(q, k, v, 0.7, mask, out, null))
                .input("q", q, dq)
                .input("k", k, dk)
                .input("v", v, dv);
        View alone = TestViews.garbage(DType.F64, k.shape());
        attention.backward(q, k, v, 0.7, mask, out, lse, dout, null, alone, null);
        assertThat(alone.toDoubles()).isEqualTo(dk.toDoubles());
    }

    /** [B, H, N, D] inside packed rows [B, N, 3, H, D], as one projection to q, k and v leaves them. */
    private static View heads(long seed, long b, long h, long n, long d) {
        return TestViews.random(seed, DType.F64, b, n, 3, h, d).select(2, 1).transpose(1, 2);
    }
}
