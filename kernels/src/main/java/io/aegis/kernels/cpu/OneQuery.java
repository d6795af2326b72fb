package io.aegis.kernels.cpu;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Attention of one query a head, as in decoding over a cache: the keys are read once, the values once, and each serves all
 * query heads that share it. The one query is the last: a causal mask hides nothing from it.
 */
final class OneQuery {
    /** Keys that are met by all heads of a group before the next are fetched. */
    private static final int KEYS = 64;

    private static final int[] ALL = {};

    private OneQuery() {}

    /** Keys or values of a sequence's head, a few rows [n, D] after the other, from 0 on: pieces of one view, or pages. */
    private interface Pieces {
        View at(int piece);
    }

    static void forward(View q, View k, View v, float scale, Mask mask, View out, View lse) {
        int heads = (int) k.size(1);
        int m = (int) k.size(2);
        Workers.run((int) q.size(0) * heads, task -> {
            long b = task / heads;
            long h = task % heads;
            long group = q.size(1) / heads;
            Visibility visible = new Visibility(mask, b, 1, m);
            View keys = k.select(0, b).select(0, h);
            int[] hidden = visible.hidden(0, m);
            View values = HiddenRows.cleared(v.select(0, b).select(0, h), 0, m, hidden);
            group(
                    queries(q, b, h, group).select(1, 0),
                    m,
                    KEYS,
                    i -> keys.slice(0, (long) i * KEYS, Math.min(m, (i + 1L) * KEYS)),
                    i -> values.slice(0, (long) i * KEYS, Math.min(m, (i + 1L) * KEYS)),
                    scale,
                    hidden,
                    queries(out, b, h, group).select(1, 0),
                    lse == null ? null : queries(lse, b, h, group).select(1, 0));
        });
    }

    /** As {@link io.aegis.kernels.Attention#paged}: the same steps in the same order as over one piece, whatever a page's size. */
    static void paged(View q, View k, View v, View table, View lengths, float scale, View out) {
        int heads = (int) k.size(1);
        int page = (int) k.size(2);
        Workers.run((int) q.size(0) * heads, task -> {
            long b = task / heads;
            long h = task % heads;
            long group = q.size(1) / heads;
            int m = Math.toIntExact(lengths.getLong(b));
            View pages = table.select(0, b);
            group(
                    queries(q, b, h, group),
                    m,
                    page,
                    i -> page(k, pages, i, h, m),
                    i -> page(v, pages, i, h, m),
                    scale,
                    ALL,
                    queries(out, b, h, group),
                    null);
        });
    }

    /** Of a sequence's page, the rows of one head that are there. */
    private static View page(View pool, View pages, int i, long head, int m) {
        long tokens = pool.size(2);
        return pool.select(0, pages.getLong(i)).select(0, head).slice(0, 0, Math.min(tokens, m - i * tokens));
    }

    /** The heads of a group as rows. */
    private static View queries(View x, long b, long h, long group) {
        return x.select(0, b).slice(0, h * group, (h + 1) * group);
    }

    /**
     * The heads of a group, q and out [group, D], over m keys in pieces.
     *
     * @param piece rows of every piece but the last
     */
    private static void group(
            View q, int m, int piece, Pieces keys, Pieces values, float scale, int[] hidden, View out, View lse) {
        int group = (int) q.size(0);
        MemorySegment s = Scratch.floats(0, (long) group * m);
        for (int from = 0; from < m; from += piece) {
            View some = keys.at(from / piece);
            for (int g = 0; g < group; g++) {
                scores(q, g, some, scale, s, (long) g * m + from);
            }
        }
        boolean[] seen = new boolean[group];
        for (int g = 0; g < group; g++) {
            long row = (long) g * m;
            Visibility.set(hidden, s, row, Float.NEGATIVE_INFINITY);
            float max = SoftmaxRows.max(s, row, m);
            float sum = 0;
            SoftmaxRows.clear(out.buffer().memory(), out.index(g), out.size(1));
            if (max != Float.NEGATIVE_INFINITY) {
                seen[g] = true;
                sum = SoftmaxRows.exponentials(s, row, max, m);
                Visibility.set(hidden, s, row, 0);
                SoftmaxRows.scale(s, row, 1 / sum, m);
            }
            if (lse != null) {
                Lanes.set(lse.buffer().memory(), lse.index(g), (float) (max + Math.log(sum)));
            }
        }
        for (int from = 0; from < m; from += piece) {
            View some = values.at(from / piece);
            for (int g = 0; g < group; g++) {
                if (seen[g]) {
                    weigh(s, (long) g * m + from, some, out, out.index(g));
                }
            }
        }
    }

    private static void scores(View q, int g, View k, float scale, MemorySegment s, long to) {
        MemorySegment query = q.buffer().memory();
        MemorySegment keys = k.buffer().memory();
        long at = q.index(g);
        int d = (int) q.size(1);
        long step = k.stride(0);
        int n = (int) k.size(0);
        for (int j = 0; j < n; j++) {
            float score = RowProducts.dot(query, at, keys, k.offset() + j * step, d);
            Lanes.set(s, to + j, scale * score);
        }
    }

    /** o += sum of some values, each times its weight: a few vectors of o at a time in registers, down all of those. */
    private static void weigh(MemorySegment weights, long row, View v, View out, long at) {
        int m = (int) v.size(0);
        int d = (int) v.size(1);
        int i = 0;
        for (; i <= d - 4 * Lanes.N; i += 4 * Lanes.N) {
            weighFour(
                    weights,
                    row,
                    v.buffer().memory(),
                    v.offset() + i,
                    v.stride(0),
                    m,
                    out.buffer().memory(),
                    at + i);
        }
        for (; i <= d - Lanes.N; i += Lanes.N) {
            weighOne(
                    weights,
                    row,
                    v.buffer().memory(),
                    v.offset() + i,
                    v.stride(0),
                    m,
                    out.buffer().memory(),
                    at + i);
        }
        for (; i < d; i++) {
            float sum = Lanes.get(out.buffer().memory(), at + i);
            for (int j = 0; j < m; j++) {
                sum += Lanes.get(weights, row + j) * Lanes.get(v.buffer().memory(), v.offset() + j * v.stride(0) + i);
            }
            Lanes.set(out.buffer().memory(), at + i, sum);
        }
    }

    private static void weighFour(
            MemorySegment weights, long row, MemorySegment v, long iv, long step, int m, MemorySegment o, long io) {
        FloatVector s0 = Lanes.load(o, io);
        FloatVector s1 = Lanes.load(o, io + Lanes.N);
        FloatVector s2 = Lanes.load(o, io + 2L * Lanes.N);
        FloatVector s3 = Lanes.load(o, io + 3L * Lanes.N);
        for (int j = 0; j < m; j++) {
            FloatVector w = Lanes.broadcast(Lanes.get(weights, row + j));
            long at = iv + j * step;
            s0 = w.fma(Lanes.load(v, at), s0);
            s1 = w.fma(Lanes.load(v, at + Lanes.N), s1);
            s2 = w.fma(Lanes.load(v, at + 2L * Lanes.N), s2);
            s3 = w.fma(Lanes.load(v, at + 3L * Lanes.N), s3);
        }
        Lanes.store(s0, o, io);
        Lanes.store(s1, o, io + Lanes.N);
        Lanes.store(s2, o, io + 2L * Lanes.N);
        Lanes.store(s3, o, io + 3L * Lanes.N);
    }

    private static void weighOne(
            MemorySegment weights, long row, MemorySegment v, long iv, long step, int m, MemorySegment o, long io) {
        FloatVector s = Lanes.load(o, io);
        for (int j = 0; j < m; j++) {
            s = Lanes.broadcast(Lanes.get(weights, row + j)).fma(Lanes.load(v, iv + j * step), s);
        }
        Lanes.store(s, o, io);
    }
}
