package io.aegis.kernels;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Keys and values in one piece and the same in pages, for tests: pages lie in any order, those that nobody holds and what
 * is behind a sequence's last key are NaN, and behind a sequence's last page the table names one that does not exist.
 *
 * @param keys in one piece, [Hkv, M, D] a sequence
 * @param values as keys
 * @param pagedKeys [P, Hkv, T, D]
 * @param pagedValues as pagedKeys
 * @param table I64 [B, L]
 * @param lengths I64 [B]
 */
public record PagedKeys(
        List<View> keys, List<View> values, View pagedKeys, View pagedValues, View table, View lengths) {
    /**
     * Random ones.
     *
     * @param tokens of a page
     * @param common tokens that all sequences begin with (those that are long enough), whose whole pages they share
     */
    public static PagedKeys random(DType dtype, int heads, int size, int tokens, int common, int... lengths) {
        int longest = 0;
        int pages = 1 + common / tokens;
        for (int length : lengths) {
            longest = Math.max(longest, length);
            pages += (length + tokens - 1) / tokens;
        }
        int row = Math.max(1, (longest + tokens - 1) / tokens);
        View table = TestViews.zeros(DType.I64, lengths.length, row);
        for (long i = 0; i < table.elements(); i++) {
            table.setLongAt(i, 1L << 40);
        }
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < pages; i++) {
            numbers.add(i);
        }
        Collections.shuffle(numbers, new Random(9));
        View[] pool = {
            TestViews.garbage(dtype, pages, heads, tokens, size), TestViews.garbage(dtype, pages, heads, tokens, size)
        };
        List<View> keys = new ArrayList<>();
        List<View> values = new ArrayList<>();
        int next = common / tokens;
        for (int b = 0; b < lengths.length; b++) {
            View[] whole = new View[2];
            for (int kind = 0; kind < 2; kind++) {
                whole[kind] = TestViews.random(100 + 2 * b + kind, dtype, heads, lengths[b], size);
                View beginning = TestViews.random(50 + kind, dtype, heads, common, size);
                int shared = Math.min(common, lengths[b]);
                copy(beginning.slice(1, 0, shared), whole[kind].slice(1, 0, shared));
            }
            for (int at = 0; at < lengths[b]; at += tokens) {
                int end = Math.min(lengths[b], at + tokens);
                int page = numbers.get(end <= common && end - at == tokens ? at / tokens : next++);
                table.set(page, b, at / tokens);
                for (int kind = 0; kind < 2; kind++) {
                    copy(
                            whole[kind].slice(1, at, end),
                            pool[kind].select(0, page).slice(1, 0, end - at));
                }
            }
            keys.add(whole[0]);
            values.add(whole[1]);
        }
        View counts = TestViews.zeros(DType.I64, lengths.length);
        for (int b = 0; b < lengths.length; b++) {
            counts.setLongAt(b, lengths[b]);
        }
        return new PagedKeys(keys, values, pool[0], pool[1], table, counts);
    }

    private static void copy(View from, View to) {
        for (long i = 0; i < from.elements(); i++) {
            to.setAt(to.position(i), from.getAt(from.position(i)));
        }
    }

    /** What one sequence gets of the same keys in one piece: q, out [Hq, D]. */
    public void alone(Attention attention, int b, View q, double scale, View out) {
        attention.forward(
                q.unsqueeze(0).unsqueeze(2),
                keys.get(b).unsqueeze(0),
                values.get(b).unsqueeze(0),
                scale,
                Attention.Mask.CAUSAL,
                out.unsqueeze(0).unsqueeze(2),
                null);
    }
}
