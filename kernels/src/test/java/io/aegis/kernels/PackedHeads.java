package io.aegis.kernels;

import io.aegis.kernels.Attention.Sequences;
import java.util.Arrays;

/**
 * Heads of sequences one behind the other, for tests: some rows more than the sequences have, all of them NaN.
 *
 * @param q [Tq, Hq, D]
 * @param k [Tk, Hkv, D]
 * @param v as k
 * @param dout as q
 * @param sequences which rows are whose
 */
public record PackedHeads(View q, View k, View v, View dout, Sequences sequences) {
    private static final int BEHIND = 70;

    /**
     * Random ones, inside rows that hold more than them.
     *
     * @param dtype of all four
     * @param queries of each sequence
     * @param keys likewise
     */
    public static PackedHeads random(DType dtype, int heads, int group, int d, int[] queries, int[] keys) {
        View offsets = offsets(queries);
        long nobodys = offsets.getLong(queries.length);
        View ofKeys = Arrays.equals(queries, keys) ? offsets : offsets(keys);
        long nobodysKeys = ofKeys.getLong(keys.length);
        return new PackedHeads(
                poisoned(TestViews.random(1, dtype, nobodys + BEHIND, heads * group + 1L, d), nobodys),
                poisoned(TestViews.random(2, dtype, nobodysKeys + BEHIND, heads + 1L, d), nobodysKeys),
                poisoned(TestViews.random(3, dtype, nobodysKeys + BEHIND, heads + 1L, d), nobodysKeys),
                poisoned(TestViews.random(4, dtype, nobodys + BEHIND, heads * group + 1L, d), nobodys),
                new Sequences(offsets, ofKeys));
    }

    /** Where sequences of these lengths begin, and where the last one ends. */
    public static View offsets(int... lengths) {
        long[] offsets = new long[lengths.length + 1];
        for (int i = 0; i < lengths.length; i++) {
            offsets[i + 1] = offsets[i] + lengths[i];
        }
        return TestViews.indices(offsets);
    }

    /** Without the last head, NaN in its place and in all rows behind the sequences. */
    private static View poisoned(View x, long end) {
        long heads = x.size(1) - 1;
        for (long row = 0; row < x.size(0); row++) {
            for (long h = row < end ? heads : 0; h <= heads; h++) {
                for (long c = 0; c < x.size(2); c++) {
                    x.set(Double.NaN, row, h, c);
                }
            }
        }
        return x.slice(1, 0, heads);
    }

    /** Garbage for lse [Hq, Tq]. */
    public View lse() {
        return TestViews.garbage(DType.F32, q.size(1), q.size(0));
    }

    /** Makes one number of each operand something else, in these rows and the ones behind. */
    public void spoil(double value, long query, long key) {
        q.set(value, query, 0, 1);
        dout.set(value, query + 1, 0, 2);
        k.set(value, key, 0, 3);
        v.set(value, key + 1, 0, 0);
    }
}
