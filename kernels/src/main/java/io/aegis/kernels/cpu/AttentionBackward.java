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

    private final Sgemm sgemm;
    private final float scale;
    private final Visibility visible;
    /** Of a block. */
    private final int queries;

    private final View k;
    private final View v;
    private final View dk;
    private final View dv;
    private final MemorySegment p = Scratch.floats(0, (long) QUERIES * KEYS);
    private final MemorySegment ds = Scratch.floats(1, (long) QUERIES * KEYS);
    private final float[] delta = new float[QUERIES];
    private final float[] shifts = new float[QUERIES];
    private final float[] sums = new float[QUERIES];

    AttentionBackward(Sgemm sgemm, float scale, Visibility visible, int queries, View k, View v, View dk, View dv) {
        this.sgemm = sgemm;
        this.scale = scale;
        this.visible = visible;
        this.queries = queries;
        this.k = k;
        this.v = v;
        this.dk = dk;
        this.dv = dv;
    }

    /** Keys' and values' gradients start at zero. */
    void clear() {
        clear(dk, 0, k.size(0));
        clear(dv, 0, k.size(0));
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
        for (int j : visible.hidden(0, (int) k.size(0))) {
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
            }
            long end = visible.seen(start + n - 1);
            if (end == 0) {
                clear(dq, start, start + n);
            }
            for (long from = 0; from < end; from += KEYS) {
                int m = (int) Math.min(KEYS, end - from);
                block(n, m, d, scale, q, start, k, from, p);
                block(n, m, d, 1, dout, start, v, from, ds);
                int[] hidden = visible.hidden(from, m);
                for (int r = 0; r < n; r++) {
                    shifts[r] = Lanes.get(lse.buffer().memory(), lse.index(start + r));
                }
                CpuAttention.exponentials(visible, start, n, from, m, shifts, p, sums);
                for (int r = 0; r < n; r++) {
                    probabilities(r, m, seen(r, start, from, m), hidden);
                }
                View keys = HiddenRows.cleared(k, from, m, hidden);
                float beta = from == 0 ? 0 : 1;
                int all = visible.seen(start, from, m);
                if (all == m || areFinite(q, dout, start, n, keys, all)) {
                    add(true, m, n, d, 1, p, 0, dout, start, dv, from, 1);
                    add(true, m, n, d, scale, ds, 0, q, start, dk, from, 1);
                    add(false, n, m, d, scale, ds, 0, keys, 0, dq, start, beta);
                    continue;
                }
                for (int r = 0; r < n; r++) {
                    int seen = seen(r, start, from, m);
                    long row = (long) r * KEYS;
                    if (seen == 0) {
                        clear(beta == 0 ? dq : null, start + r, start + r + 1);
                        continue;
                    }
                    add(true, seen, 1, d, 1, p, row, dout, start + r, dv, from, 1);
                    add(true, seen, 1, d, scale, ds, row, q, start + r, dk, from, 1);
                    add(false, 1, seen, d, scale, ds, row, keys, 0, dq, start + r, beta);
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

    /** into = alpha a[rowA..] b[rowB..]^T, [n, m]. */
    private void block(int n, int m, int d, float alpha, View a, long rowA, View b, long rowB, MemorySegment into) {
        sgemm.multiply(
                false,
                true,
                n,
                m,
                d,
                alpha,
                a.buffer().memory(),
                a.index(rowA),
                CpuAttention.row(a),
                b.buffer().memory(),
                b.index(rowB),
                CpuAttention.row(b),
                0,
                into,
                0,
                KEYS);
    }

    /** to[rowTo..] = beta to + alpha op(block[at..]) b[rowB..], [rows, D], unless there is no destination. */
    private void add(
            boolean transposed,
            int rows,
            int inner,
            int d,
            float alpha,
            MemorySegment block,
            long at,
            View b,
            long rowB,
            View to,
            long rowTo,
            float beta) {
        if (to == null) {
            return;
        }
        sgemm.multiply(
                transposed,
                false,
                rows,
                d,
                inner,
                alpha,
                block,
                at,
                KEYS,
                b.buffer().memory(),
                b.index(rowB),
                CpuAttention.row(b),
                beta,
                to.buffer().memory(),
                to.index(rowTo),
                CpuAttention.row(to));
    }
}
