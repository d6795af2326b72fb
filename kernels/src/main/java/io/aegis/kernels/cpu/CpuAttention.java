package io.aegis.kernels.cpu;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Attention in blocks, a head of a sequence a task (Dao et al., arXiv 2205.14135): 256 queries meet 512 keys at a time, the
 * scores of one block exist in the cache, and a running maximum m and sum l rescale what was added before:
 *
 * <pre>
 *     S = scale Q K^T;  m' = max(m, rowmax S);  P = exp(S - m');  l = l exp(m - m') + rowsum P;  O = O exp(m - m') + P V
 *     finally O = O / l, lse = m + log l
 * </pre>
 *
 * <p>What a query does not see may be anything. P is 0 there, and where that would meet what is not finite ({@link HiddenRows}) the rows of the
 * block are multiplied one by one, each by what it sees.
 *
 * <p>Blocks that lie in the future of all their queries are not computed; causal queries go in smaller blocks, of whose
 * scores less is in the future. Every block packs its keys and values anew for the product: with a quarter of the queries the
 * whole takes a quarter longer (seen). The backward pass is {@link AttentionBackward};
 * a single query, as in decoding, is {@link OneQuery}.
 */
final class CpuAttention implements Attention {
    /** Queries of the largest block. */
    static final int QUERIES = 256;

    static final int KEYS = 512;
    private static final int CAUSAL_QUERIES = 128;

    private final Attention plain;
    private final Sgemm sgemm;

    CpuAttention(Attention plain, Sgemm sgemm) {
        this.plain = plain;
        this.sgemm = sgemm;
    }

    @Override
    public void forward(View q, View k, View v, double scale, Mask mask, View out, View lse) {
        if (!fits(q, k, v, out) || !fits(mask) || lse != null && lse.dtype() != DType.F32) {
            plain.forward(q, k, v, scale, mask, out, lse);
            return;
        }
        if (q.size(2) == 1) {
            OneQuery.forward(q, k, v, (float) scale, mask, out, lse);
            return;
        }
        long heads = q.size(1);
        long group = heads / k.size(1);
        Workers.run((int) (q.size(0) * heads), task -> {
            long b = task / heads;
            long h = task % heads;
            Visibility visible = new Visibility(mask, b, q.size(2), k.size(2));
            View head = head(q, b, h);
            View keys = head(k, b, h / group);
            View values = head(v, b, h / group);
            View result = head(out, b, h);
            View oneLse = lse == null ? null : head(lse, b, h);
            int block = queries(mask);
            for (long from = 0; from < q.size(2); from += block) {
                int n = (int) Math.min(block, q.size(2) - from);
                forwardBlock(head, from, n, keys, values, (float) scale, visible, result, oneLse);
            }
        });
    }

    @Override
    public void paged(View q, View keys, View values, View table, View lengths, double scale, View out) {
        if (!fits(q.unsqueeze(1), keys, values, out.unsqueeze(1))) {
            plain.paged(q, keys, values, table, lengths, scale, out);
            return;
        }
        OneQuery.paged(q, keys, values, table, lengths, (float) scale, out);
    }

    @Override
    public void append(View k, View v, View keys, View values, View table, View lengths) {
        plain.append(k, v, keys, values, table, lengths); // a few kilobytes
    }

    /** Queries of a block. */
    static int queries(Mask mask) {
        return mask.causal() ? CAUSAL_QUERIES : QUERIES;
    }

    /** Queries {@code start} to {@code start + n} of one head: q, out [N, D], k, v [M, D], lse [N]. */
    private void forwardBlock(
            View q, long start, int n, View k, View v, float scale, Visibility visible, View out, View lse) {
        int d = (int) q.size(1);
        MemorySegment s = Scratch.floats(0, (long) QUERIES * KEYS);
        MemorySegment o = out.buffer().memory();
        float[] max = new float[n];
        float[] sum = new float[n];
        float[] best = new float[n];
        float[] sums = new float[n];
        Arrays.fill(max, Float.NEGATIVE_INFINITY);
        long end = visible.seen(start + n - 1);
        for (long from = 0; from < end; from += KEYS) {
            int m = (int) Math.min(KEYS, end - from);
            scores(q, start, n, k, from, m, scale, s);
            int[] hidden = visible.hidden(from, m);
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
                    SoftmaxRows.scale(o, out.index(start + r), correction, d);
                }
            }
            View values = HiddenRows.cleared(v, from, m, hidden);
            int all = visible.seen(start, from, m);
            if (all == m || HiddenRows.areFinite(values, all, m)) {
                weigh(s, 0, n, m, values, from == 0 ? 0 : 1, out, start);
                continue;
            }
            for (int r = 0; r < n; r++) { // each over what it sees
                int seen = visible.seen(start + r, from, m);
                weigh(s, (long) r * KEYS, 1, seen, values, from == 0 ? 0 : 1, out, start + r);
            }
        }
        for (int r = 0; r < n; r++) {
            if (sum[r] == 0) {
                SoftmaxRows.clear(o, out.index(start + r), d);
            } else {
                SoftmaxRows.scale(o, out.index(start + r), 1 / sum[r], d);
            }
            if (lse != null) {
                Lanes.set(lse.buffer().memory(), lse.index(start + r), (float) (max[r] + Math.log(sum[r])));
            }
        }
    }

    /** out[row..] = beta out + P V of {@code n} rows of a block and the first {@code m} values, where there are any. */
    private void weigh(MemorySegment p, long at, int n, int m, View v, float beta, View out, long row) {
        if (m == 0) {
            if (beta == 0) {
                SoftmaxRows.clear(out.buffer().memory(), out.index(row), out.size(1));
            }
            return;
        }
        sgemm.multiply(
                false,
                false,
                n,
                out.size(1),
                m,
                1,
                p,
                at,
                KEYS,
                v.buffer().memory(),
                v.index(0),
                row(v),
                beta,
                out.buffer().memory(),
                out.index(row),
                row(out));
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

    private void scores(View q, long start, int n, View k, long from, int m, float scale, MemorySegment s) {
        sgemm.multiply(
                false,
                true,
                n,
                m,
                q.size(1),
                scale,
                q.buffer().memory(),
                q.index(start),
                row(q),
                k.buffer().memory(),
                k.index(from),
                row(k),
                0,
                s,
                0,
                KEYS);
    }

    @Override
    public void backward(
            View q, View k, View v, double scale, Mask mask, View out, View lse, View dout, View dq, View dk, View dv) {
        if (!fits(q, k, v, out, dout, dq, dk, dv) || !fits(mask) || lse.dtype() != DType.F32) {
            plain.backward(q, k, v, scale, mask, out, lse, dout, dq, dk, dv);
            return;
        }
        long heads = k.size(1);
        long group = q.size(1) / heads;
        // A head of keys a task, so that no two add to one place.
        Workers.run((int) (q.size(0) * heads), task -> {
            long b = task / heads;
            long h = task % heads;
            Visibility visible = new Visibility(mask, b, q.size(2), k.size(2));
            AttentionBackward head = new AttentionBackward(
                    sgemm,
                    (float) scale,
                    visible,
                    queries(mask),
                    head(k, b, h),
                    head(v, b, h),
                    head(dk, b, h),
                    head(dv, b, h));
            head.clear();
            for (long g = h * group; g < (h + 1) * group; g++) {
                head.query(head(q, b, g), head(out, b, g), head(lse, b, g), head(dout, b, g), head(dq, b, g));
            }
            head.clearHidden();
        });
    }

    private static View head(View x, long b, long h) {
        return x == null ? null : x.select(0, b).select(0, h);
    }

    /** Distance of rows; a single row has any. */
    static long row(View x) {
        return Math.max(x.stride(0), x.size(1));
    }

    private static boolean fits(View... views) {
        for (View v : views) {
            if (v == null) {
                continue;
            }
            boolean rows = v.size(3) > 0 && v.stride(3) == 1 && (v.size(2) <= 1 || v.stride(2) >= v.size(3));
            if (v.dtype() != DType.F32 || !rows || v.size(1) == 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean fits(Mask mask) {
        return mask.keys() == null || mask.keys().dtype().bytes() == 1;
    }
}
