package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One head of attention in blocks (Dao et al., arXiv 2205.14135): up to 256 queries meet 512 keys at a time, the scores of one
 * block exist in the cache, and a running maximum m and sum l rescale what was added before:
 *
 * <pre>
 *     S = scale Q K^T;  m' = max(m, rowmax S);  P = exp(S - m');  l = l exp(m - m') + rowsum P;  O = O exp(m - m') + P V
 *     finally O = O / l, lse = m + log l
 * </pre>
 */
final class AttentionForward {
    private static final int QUERIES = CpuAttention.QUERIES;
    private static final int KEYS = CpuAttention.KEYS;

    private final Gemm product;
    private final float scale;
    private final Visibility visible;
    private final Operand q;
    private final Operand k;
    private final Operand v;
    /** V as it was given. */
    private final View values;

    private final MemorySegment s = Scratch.floats(0, (long) QUERIES * KEYS);
    private final float[] max = new float[QUERIES];
    private final float[] sum = new float[QUERIES];
    private final float[] best = new float[QUERIES];
    private final float[] sums = new float[QUERIES];

    /** q [N, D], k and v [M, D]. */
    AttentionForward(Gemm product, float scale, Visibility visible, View q, View k, View v) {
        this.product = product;
        this.scale = scale;
        this.visible = visible;
        this.q = Operand.of(q);
        this.k = product.operand(Operand.of(k), Scratch.KEYS);
        this.v = product.operand(Operand.of(v), Scratch.VALUES);
        this.values = v;
    }

    /**
     * @param block queries of a block
     * @param out [N, D]
     * @param lse [N], or null
     */
    void run(int block, View out, View lse) {
        Part o = Part.all(out);
        for (long start = 0; start < q.rows(); start += block) {
            block(start, (int) Math.min(block, q.rows() - start), o, lse);
        }
    }

    /** Queries {@code start} to {@code start + n}. */
    private void block(long start, int n, Part out, View lse) {
        Operand queries = product.operand(q.rows(start, n), Scratch.QUERIES);
        Part o = out.rows(start, n);
        Arrays.fill(max, Float.NEGATIVE_INFINITY);
        Arrays.fill(sum, 0);
        long end = visible.seen(start + n - 1);
        for (long from = 0; from < end; from += KEYS) {
            int m = (int) Math.min(KEYS, end - from);
            product.multiply(queries, k.rows(from, m).transposed(), scale, false, Part.all(n, m, s, 0, KEYS));
            int[] hidden = visible.hidden(from, m);
            exponentials(start, n, from, m, hidden, o);
            weigh(start, from, hidden, product.operand(Operand.floats(s, 0, n, m, KEYS), Scratch.PROBABILITIES), o);
        }
        for (int r = 0; r < n; r++) {
            long row = o.start() + r * o.ldc();
            if (sum[r] == 0) {
                SoftmaxRows.clear(o.c(), row, o.columns());
            } else {
                SoftmaxRows.scale(o.c(), row, 1 / sum[r], (int) o.columns());
            }
            if (lse != null) {
                Lanes.set(lse.buffer().memory(), lse.index(start + r), (float) (max[r] + Math.log(sum[r])));
            }
        }
    }

    /**
     * O += P V of a block. P is 0 where a query does not see a key, and where that would meet what is not finite ({@link HiddenRows})
     * its rows are multiplied one by one, each by what it sees.
     */
    private void weigh(long start, long from, int[] hidden, Operand p, Part o) {
        int m = (int) p.columns();
        View some = HiddenRows.cleared(values, from, m, hidden);
        Operand vs =
                some.buffer() == values.buffer() ? v.rows(from, m) : product.operand(Operand.of(some), Scratch.CLEARED);
        int all = visible.seen(start, from, m);
        if (all == m || HiddenRows.areFinite(some, all, m)) {
            product.multiply(p, vs, 1, from > 0, o);
            return;
        }
        for (long r = 0; r < p.rows(); r++) {
            int seen = visible.seen(start + r, from, m);
            product.multiply(p.rows(r, 1).columns(0, seen), vs.rows(0, seen), 1, from > 0, o.rows(r, 1));
        }
    }

    /** Scores of a block become P; maxima and sums, and what was added to O before, move on. */
    private void exponentials(long start, int n, long from, int m, int[] hidden, Part o) {
        for (int r = 0; r < n; r++) {
            long row = (long) r * KEYS;
            Visibility.set(hidden, s, row, Float.NEGATIVE_INFINITY);
            best[r] = Math.max(max[r], SoftmaxRows.max(s, row, visible.seen(start + r, from, m)));
        }
        exponentials(visible, start, n, from, m, best, s, sums);
        for (int r = 0; r < n; r++) {
            long row = (long) r * KEYS;
            if (best[r] == Float.NEGATIVE_INFINITY) {
                SoftmaxRows.clear(s, row, m);
                continue;
            }
            float correction = (float) Math.exp(max[r] - best[r]);
            max[r] = best[r];
            sum[r] = sum[r] * correction + sums[r];
            Visibility.set(hidden, s, row, 0);
            int seen = visible.seen(start + r, from, m);
            if (seen < m) {
                SoftmaxRows.clear(s, row + seen, m - seen);
            }
            if (from > 0 && correction != 1) {
                SoftmaxRows.scale(o.c(), o.start() + r * o.ldc(), correction, (int) o.columns());
            }
        }
    }

    /** Rows of a block become exponentials of what is seen, all at once where all see the same. */
    static void exponentials(
            Visibility visible, long start, int n, long from, int m, float[] shifts, MemorySegment s, float[] sums) {
        int first = visible.seen(start, from, m);
        if (first == visible.seen(start + n - 1, from, m)) {
            SoftmaxRows.exponentials(s, 0, KEYS, n, first, shifts, sums);
            return;
        }
        for (int r = 0; r < n; r++) {
            int seen = visible.seen(start + r, from, m);
            sums[r] = SoftmaxRows.exponentials(s, (long) r * KEYS, shifts[r], seen);
        }
    }
}
