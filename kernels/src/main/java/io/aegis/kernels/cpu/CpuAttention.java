package io.aegis.kernels.cpu;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.List;

/**
 * Attention in blocks, a head of a sequence a task: {@link AttentionForward} and {@link AttentionBackward}; a single query, as
 * in decoding, is {@link OneQuery}. Blocks that lie in the future of all their queries are not computed; causal queries go in
 * smaller blocks, of whose scores less is in the future. Every block packs its keys and values anew for the product: with a
 * quarter of the queries the whole takes a quarter longer (seen).
 *
 * <p>Where the product takes operands of bfloat16, a head's keys and values are rounded once, queries, probabilities and slopes
 * as they come; scores, exponentials and sums are float32 either way.
 *
 * <p>Of packed sequences each has the bits that it has alone.
 */
final class CpuAttention implements Attention {
    /** Queries of the largest block. */
    static final int QUERIES = 256;

    static final int KEYS = 512;
    private static final int CAUSAL_QUERIES = 128;

    private final Attention plain;
    private final Gemm product;
    private final long small;

    CpuAttention(Attention plain, Gemm product) {
        this(plain, product, 0);
    }

    /**
     * @param plain what computes the rest
     * @param small heads of fewer multiply-adds a product are the rest
     */
    CpuAttention(Attention plain, Gemm product, long small) {
        this.plain = plain;
        this.product = product;
        this.small = small;
    }

    @Override
    public void forward(View q, View k, View v, double scale, Mask mask, View out, View lse) {
        if (isSmall(q, k) || !fits(q, k, v, out) || !fits(mask) || lse != null && lse.dtype() != DType.F32) {
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
            AttentionForward head = new AttentionForward(
                    product, (float) scale, visible, head(q, b, h), head(k, b, h / group), head(v, b, h / group));
            head.run(queries(mask), head(out, b, h), head(lse, b, h));
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

    @Override
    public void backward(
            View q, View k, View v, double scale, Mask mask, View out, View lse, View dout, View dq, View dk, View dv) {
        if (isSmall(q, k) || !fits(q, k, v, out, dout, dq, dk, dv) || !fits(mask) || lse.dtype() != DType.F32) {
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
                    product,
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

    @Override
    public void packed(View q, View k, View v, Sequences sequences, double scale, boolean causal, View out, View lse) {
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        ofEach(
                sequences,
                q,
                k,
                (s, of, with) -> forward(
                        of.of(s.queries(q)),
                        with.of(s.keys(k)),
                        with.of(s.keys(v)),
                        scale,
                        mask,
                        of.of(s.queries(out)),
                        of.of(s.lse(lse))));
    }

    @Override
    public void packedBackward(
            View q,
            View k,
            View v,
            Sequences sequences,
            double scale,
            boolean causal,
            View out,
            View lse,
            View dout,
            View dq,
            View dk,
            View dv) {
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        ofEach(
                sequences,
                q,
                k,
                (s, of, with) -> backward(
                        of.of(s.queries(q)),
                        with.of(s.keys(k)),
                        with.of(s.keys(v)),
                        scale,
                        mask,
                        of.of(s.queries(out)),
                        of.of(s.lse(lse)),
                        of.of(s.queries(dout)),
                        of.of(s.queries(dq)),
                        with.of(s.keys(dk)),
                        with.of(s.keys(dv))));
    }

    /** What is to be done for a group of heads of one sequence. */
    @FunctionalInterface
    private interface Alone {
        /**
         * @param of the heads of queries
         * @param with the head of keys
         */
        void run(Sequence sequence, Heads of, Heads with);
    }

    /** Some of the heads of [1, H, ...]. */
    private record Heads(long from, long to) {
        View of(View x) {
            return x == null ? null : x.slice(1, from, to);
        }
    }

    /** A sequence's head of keys a task: sequences differ in length, and a thread that is done with a short one takes the next. */
    private static void ofEach(Sequences sequences, View q, View k, Alone work) {
        List<Sequence> all = sequences.list(q.size(0), k.size(0));
        int heads = (int) k.size(1);
        long group = q.size(1) / heads;
        Workers.run(all.size() * heads, task -> {
            long h = task % heads;
            work.run(all.get(task / heads), new Heads(h * group, (h + 1) * group), new Heads(h, h + 1));
        });
    }

    private static View head(View x, long b, long h) {
        return x == null ? null : x.select(0, b).select(0, h);
    }

    private boolean isSmall(View q, View k) {
        return q.size(2) * k.size(2) * q.size(3) < small;
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
