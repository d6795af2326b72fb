package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Backward through one head of keys and values and the queries that share it, in the blocks of {@link CpuAttention}: P =
 * exp(S - lse), dV += P^T dO, dS = P (dO V^T - rowsum(dO O)), dQ += scale dS K, dK += scale dS^T Q. Views are [N, D] and
 * [M, D]; each gradient may be null.
 */
final class AttentionBackward {
    private static final int QUERIES = CpuAttention.QUERIES;
    private static final int KEYS = CpuAttention.KEYS;

    private final Gemm product;
    private final float scale;
    private final Visibility visible;
    /** Of a block. */
    private final int queries;

    private final Operand k;
    private final Operand v;
    /** K as it was given. */
    private final View keys;

    private final View dk;
    private final View dv;
    private final MemorySegment p = Scratch.floats(0, (long) QUERIES * KEYS);
    private final MemorySegment ds = Scratch.floats(1, (long) QUERIES * KEYS);
    private final float[] delta = new float[QUERIES];
    private final float[] shifts = new float[QUERIES];
    private final float[] sums = new float[QUERIES];

    AttentionBackward(Gemm product, float scale, Visibility visible, int queries, View k, View v, View dk, View dv) {
        this.product = product;
        this.scale = scale;
        this.visible = visible;
        this.queries = queries;
        this.k = product.operand(Operand.of(k), Scratch.KEYS);
        this.keys = k;
        this.v = product.operand(Operand.of(v), Scratch.VALUES);
        this.dk = dk;
        this.dv = dv;
    }

    /** Keys' and values' gradients start at zero. */
    void clear() {
        clear(dk, 0, k.rows());
        clear(dv, 0, k.rows());
    }

    private static void clear(View x, long from, long to) {
        if (x != null && from < to && x.stride(0) == x.size(1)) {
            SoftmaxRows.clear(x.buffer().memory(), x.index(from), (to - from) * x.size(1));
            return;
        }
        for (long r = from; x != null && r < to; r++) {
            SoftmaxRows.clear(x.buffer().memory(), x.index(r), x.size(1));
        }
    }

    /** Nobody sees hidden keys: their gradients are zero, whatever the zeros of P and dS met. */
    void clearHidden() {
        for (int j : visible.hidden(0, (int) k.rows())) {
            clear(dk, j, j + 1L);
            clear(dv, j, j + 1L);
        }
    }

    /** Adds what one head of queries contributes, and writes its own gradient. */
    void query(View q, View out, View lse, View dout, View dq) {
        int d = (int) q.size(1);
        for (long start = 0; start < q.size(0); start += queries) {
            int n = (int) Math.min(queries, q.size(0) - start);
            for (int r = 0; r < n; r++) {
                delta[r] = (float) Sums.dot(
                        dout.buffer().memory(),
                        dout.index(start + r),
                        out.buffer().memory(),
                        out.index(start + r),
                        d);
                shifts[r] = Lanes.get(lse.buffer().memory(), lse.index(start + r));
            }
            long end = visible.seen(start + n - 1);
            if (end == 0) {
                clear(dq, start, start + n);
            }
            Operand qs = product.operand(Operand.of(q).rows(start, n), Scratch.QUERIES);
            Operand dos = product.operand(Operand.of(dout).rows(start, n), Scratch.SLOPES);
            for (long from = 0; from < end; from += KEYS) {
                int m = (int) Math.min(KEYS, end - from);
                Operand ks = k.rows(from, m);
                product.multiply(qs, ks.transposed(), scale, false, Part.all(n, m, p, 0, KEYS));
                product.multiply(dos, v.rows(from, m).transposed(), Part.all(n, m, ds, 0, KEYS));
                int[] hidden = visible.hidden(from, m);
                AttentionForward.exponentials(visible, start, n, from, m, shifts, p, sums);
                for (int r = 0; r < n; r++) {
                    probabilities(r, m, seen(r, start, from, m), hidden);
                }
                View some = HiddenRows.cleared(keys, from, m, hidden);
                int all = visible.seen(start, from, m);
                boolean apart = all < m && !areFinite(q, dout, start, n, some, all);
                if (dv != null) {
                    Operand ps = product.operand(Operand.floats(p, 0, n, m, KEYS), Scratch.PROBABILITIES);
                    ofKeys(ps, dos, 1, start, from, apart, Part.all(dv).rows(from, m));
                }
                Operand dss = product.operand(Operand.floats(ds, 0, n, m, KEYS), Scratch.PROBABILITIES);
                if (dk != null) {
                    ofKeys(dss, qs, scale, start, from, apart, Part.all(dk).rows(from, m));
                }
                if (dq != null) {
                    Operand met =
                            some.buffer() == keys.buffer() ? ks : product.operand(Operand.of(some), Scratch.CLEARED);
                    ofQueries(dss, met, start, from, apart, Part.all(dq).rows(start, n));
                }
            }
        }
    }

    /** Row r of P and dS from exponentials and dO V^T. */
    private void probabilities(int r, int m, int n, int[] hidden) {
        long row = (long) r * KEYS;
        if (n < m) {
            SoftmaxRows.clear(p, row + n, m - n);
            SoftmaxRows.clear(ds, row + n, m - n);
        }
        Visibility.set(hidden, p, row, 0);
        SoftmaxRows.slope(p, row, ds, row, delta[r], n);
        Visibility.set(hidden, ds, row, 0);
    }

    /** How many keys of a block row r of a block of queries sees by its place; none where it sees none at all. */
    private int seen(int r, long start, long from, int m) {
        return shifts[r] == Float.NEGATIVE_INFINITY ? 0 : visible.seen(start + r, from, m);
    }

    /** Whether the zeros of a block that not all of its queries see meet nothing but numbers. */
    private static boolean areFinite(View q, View dout, long start, int n, View keys, int all) {
        return HiddenRows.areFinite(q, start, start + n)
                && HiddenRows.areFinite(dout, start, start + n)
                && HiddenRows.areFinite(keys, all, keys.size(0));
    }

    /** Adds block^T rows, [m, D]; where its zeros would meet what is not finite, query by query, each for the keys that it sees. */
    private void ofKeys(Operand block, Operand rows, float alpha, long start, long from, boolean apart, Part to) {
        if (!apart) {
            product.multiply(block.transposed(), rows, alpha, true, to);
            return;
        }
        for (int r = 0; r < block.rows(); r++) {
            int seen = seen(r, start, from, (int) block.columns());
            Operand one = block.rows(r, 1).columns(0, seen);
            product.multiply(one.transposed(), rows.rows(r, 1), alpha, true, to.rows(0, seen));
        }
    }

    /** dQ += scale dS K, [n, D], likewise. */
    private void ofQueries(Operand block, Operand met, long start, long from, boolean apart, Part to) {
        if (!apart) {
            product.multiply(block, met, scale, from > 0, to);
            return;
        }
        for (int r = 0; r < block.rows(); r++) {
            int seen = seen(r, start, from, (int) block.columns());
            product.multiply(block.rows(r, 1).columns(0, seen), met.rows(0, seen), scale, from > 0, to.rows(r, 1));
        }
    }
}
