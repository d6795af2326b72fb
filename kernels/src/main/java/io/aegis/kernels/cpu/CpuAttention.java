package io.aegis.kernels.cpu;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Attention in blocks, a head of a picture a task (Dao et al., arXiv 2205.14135): 64 queries meet 256 keys at a time, the
 * scores of one block exist in the cache, and a running maximum m and sum l rescale what was added before:
 *
 * <pre>
 *     S = scale Q K^T;  m' = max(m, rowmax S);  P = exp(S - m');  l = l exp(m - m') + rowsum P;  O = O exp(m - m') + P V
 *     finally O = O / l, lse = m + log l
 * </pre>
 *
 * Backward, for the same blocks: P = exp(S - lse), dV += P^T dO, dS = P (dO V^T - rowsum(dO O)), dQ += scale dS K,
 * dK += scale dS^T Q.
 */
final class CpuAttention implements Attention {
    private static final int QUERIES = 64;
    private static final int KEYS = 256;

    private final Attention plain;
    private final Sgemm sgemm;

    CpuAttention(Attention plain, Sgemm sgemm) {
        this.plain = plain;
        this.sgemm = sgemm;
    }

    @Override
    public void forward(View q, View k, View v, double scale, Mask mask, View out, View lse) {
        boolean masked = mask.causal() || mask.keys() != null || q.size(1) != k.size(1);
        if (masked || !fits(q, k, v, out) || k.size(2) == 0 || lse != null && lse.dtype() != DType.F32) {
            plain.forward(q, k, v, scale, mask, out, lse);
            return;
        }
        long heads = q.size(1);
        Workers.run((int) (q.size(0) * heads), task -> {
            View oneLse = lse == null ? null : head(lse, task, heads);
            for (long from = 0; from < q.size(2); from += QUERIES) {
                long to = Math.min(q.size(2), from + QUERIES);
                forwardBlock(
                        head(q, task, heads).slice(0, from, to),
                        head(k, task, heads),
                        head(v, task, heads),
                        (float) scale,
                        head(out, task, heads).slice(0, from, to),
                        oneLse == null ? null : oneLse.slice(0, from, to));
            }
        });
    }

    private void forwardBlock(View q, View k, View v, float scale, View out, View lse) {
        int n = (int) q.size(0);
        int d = (int) q.size(1);
        MemorySegment s = Scratch.floats(0, (long) QUERIES * KEYS);
        MemorySegment o = out.buffer().memory();
        float[] max = new float[n];
        float[] sum = new float[n];
        for (long from = 0; from < k.size(0); from += KEYS) {
            int m = (int) Math.min(KEYS, k.size(0) - from);
            product(false, true, n, m, d, scale, q, 0, k, from, 0, s, 0, KEYS);
            for (int r = 0; r < n; r++) {
                float before = from == 0 ? Float.NEGATIVE_INFINITY : max[r];
                max[r] = Math.max(before, max(s, (long) r * KEYS, m));
                float correction = from == 0 ? 0 : (float) Math.exp(before - max[r]);
                sum[r] = sum[r] * correction + exponentials(s, (long) r * KEYS, max[r], m);
                if (from > 0 && correction != 1) {
                    scale(o, out.index(r), correction, d);
                }
            }
            sgemm.multiply(
                    false,
                    false,
                    n,
                    d,
                    m,
                    1,
                    s,
                    0,
                    KEYS,
                    v.buffer().memory(),
                    v.index(from),
                    row(v),
                    from == 0 ? 0 : 1,
                    o,
                    out.offset(),
                    row(out));
        }
        for (int r = 0; r < n; r++) {
            scale(o, out.index(r), 1 / sum[r], d);
            if (lse != null) {
                Lanes.set(lse.buffer().memory(), lse.index(r), (float) (max[r] + Math.log(sum[r])));
            }
        }
    }

    @Override
    public void backward(
            View q, View k, View v, double scale, Mask mask, View out, View lse, View dout, View dq, View dk, View dv) {
        boolean masked = mask.causal() || mask.keys() != null || q.size(1) != k.size(1);
        boolean all = dq != null && dk != null && dv != null;
        if (masked
                || !all
                || !fits(q, k, v, out)
                || !fits(dout, dq, dk, dv)
                || lse.dtype() != DType.F32
                || k.size(2) == 0) {
            plain.backward(q, k, v, scale, mask, out, lse, dout, dq, dk, dv);
            return;
        }
        long heads = q.size(1);
        Workers.run((int) (q.size(0) * heads), task -> {
            View[] views = {q, k, v, out, lse, dout, dq, dk, dv};
            for (int i = 0; i < views.length; i++) {
                views[i] = head(views[i], task, heads);
            }
            backwardHead((float) scale, views);
        });
    }

    private void backwardHead(float scale, View[] all) {
        View q = all[0];
        View k = all[1];
        View v = all[2];
        View out = all[3];
        View lse = all[4];
        View dout = all[5];
        View dq = all[6];
        View dk = all[7];
        View dv = all[8];
        int d = (int) q.size(1);
        MemorySegment p = Scratch.floats(0, (long) QUERIES * KEYS);
        MemorySegment ds = Scratch.floats(1, (long) QUERIES * KEYS);
        float[] delta = new float[QUERIES];
        if (q.size(0) == 0) {
            clear(dk);
            clear(dv);
        }
        for (long start = 0; start < q.size(0); start += QUERIES) {
            int n = (int) Math.min(QUERIES, q.size(0) - start);
            for (int r = 0; r < n; r++) {
                delta[r] = (float) Sums.dot(
                        dout.buffer().memory(),
                        dout.index(start + r),
                        out.buffer().memory(),
                        out.index(start + r),
                        d);
            }
            for (long from = 0; from < k.size(0); from += KEYS) {
                int m = (int) Math.min(KEYS, k.size(0) - from);
                product(false, true, n, m, d, scale, q, start, k, from, 0, p, 0, KEYS);
                product(false, true, n, m, d, 1, dout, start, v, from, 0, ds, 0, KEYS);
                for (int r = 0; r < n; r++) {
                    float shift = Lanes.get(lse.buffer().memory(), lse.index(start + r));
                    exponentials(p, (long) r * KEYS, shift, m);
                    softmaxSlope(p, ds, (long) r * KEYS, delta[r], m);
                }
                float add = start == 0 ? 0 : 1;
                sgemm.multiply(
                        true,
                        false,
                        m,
                        d,
                        n,
                        1,
                        p,
                        0,
                        KEYS,
                        dout.buffer().memory(),
                        dout.index(start),
                        row(dout),
                        add,
                        dv.buffer().memory(),
                        dv.index(from),
                        row(dv));
                sgemm.multiply(
                        true,
                        false,
                        m,
                        d,
                        n,
                        scale,
                        ds,
                        0,
                        KEYS,
                        q.buffer().memory(),
                        q.index(start),
                        row(q),
                        add,
                        dk.buffer().memory(),
                        dk.index(from),
                        row(dk));
                sgemm.multiply(
                        false,
                        false,
                        n,
                        d,
                        m,
                        scale,
                        ds,
                        0,
                        KEYS,
                        k.buffer().memory(),
                        k.index(from),
                        row(k),
                        from == 0 ? 0 : 1,
                        dq.buffer().memory(),
                        dq.index(start),
                        row(dq));
            }
        }
    }

    private void product(
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            float alpha,
            View a,
            long rowA,
            View b,
            long rowB,
            float beta,
            MemorySegment c,
            long offset,
            long ldc) {
        sgemm.multiply(
                transposeA,
                transposeB,
                m,
                n,
                k,
                alpha,
                a.buffer().memory(),
                a.index(rowA),
                row(a),
                b.buffer().memory(),
                b.index(rowB),
                row(b),
                beta,
                c,
                offset,
                ldc);
    }

    static float max(MemorySegment s, long is, int n) {
        FloatVector best = Lanes.broadcast(Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            best = best.max(Lanes.load(s, is + i));
        }
        float max = best.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            max = Math.max(max, Lanes.get(s, is + i));
        }
        return max;
    }

    /** s = exp(s - shift), and the sum of the results. */
    static float exponentials(MemorySegment s, long is, float shift, int n) {
        FloatVector by = Lanes.broadcast(shift);
        FloatVector sums = Lanes.broadcast(0);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector e = Lanes.exp(Lanes.load(s, is + i).sub(by));
            Lanes.store(e, s, is + i);
            sums = sums.add(e);
        }
        float sum = Lanes.sum(sums);
        for (; i < n; i++) {
            float e = (float) Math.exp(Lanes.get(s, is + i) - shift);
            Lanes.set(s, is + i, e);
            sum += e;
        }
        return sum;
    }

    /** ds = p (ds - delta). */
    private static void softmaxSlope(MemorySegment p, MemorySegment ds, long at, float delta, int n) {
        FloatVector by = Lanes.broadcast(delta);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(ds, at + i).sub(by).mul(Lanes.load(p, at + i)), ds, at + i);
        }
        for (; i < n; i++) {
            Lanes.set(ds, at + i, (Lanes.get(ds, at + i) - delta) * Lanes.get(p, at + i));
        }
    }

    static void scale(MemorySegment x, long ix, float by, int n) {
        FloatVector factor = Lanes.broadcast(by);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i).mul(factor), x, ix + i);
        }
        for (; i < n; i++) {
            Lanes.set(x, ix + i, Lanes.get(x, ix + i) * by);
        }
    }

    private static void clear(View x) {
        for (long r = 0; r < x.size(0); r++) {
            x.buffer().memory().asSlice(x.index(r) << 2, x.size(1) << 2).fill((byte) 0);
        }
    }

    private static View head(View x, int task, long heads) {
        return x.select(0, task / heads).select(0, task % heads);
    }

    /** Distance of rows; a single row has any. */
    private static long row(View x) {
        return Math.max(x.stride(0), x.size(1));
    }

    private static boolean fits(View... views) {
        for (View v : views) {
            boolean rows = v.size(3) > 0 && v.stride(3) == 1 && (v.size(2) <= 1 || v.stride(2) >= v.size(3));
            if (v.dtype() != DType.F32 || !rows) {
                return false;
            }
        }
        return true;
    }
}
