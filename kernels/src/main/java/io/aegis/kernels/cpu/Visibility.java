package io.aegis.kernels.cpu;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Which keys the queries of one sequence may see: a prefix that grows with the query (causal), less those that nobody
 * sees.
 */
final class Visibility {
    private static final int[] NOBODY = {};

    private final boolean causal;
    private final long queries;
    private final long keys;
    private final View mask; // [M], or null

    Visibility(Mask mask, long sequence, long queries, long keys) {
        this.causal = mask.causal();
        this.queries = queries;
        this.keys = keys;
        this.mask = mask.keys() == null ? null : mask.keys().select(0, sequence);
    }

    /** How many keys, from the first, query {@code i} may look at. */
    long seen(long i) {
        return causal ? Math.clamp(i + 1 + keys - queries, 0, keys) : keys;
    }

    /** The same among the {@code count} keys from {@code from} on. */
    int seen(long i, long from, int count) {
        return causal ? Math.clamp(seen(i) - from, 0, count) : count;
    }

    /** Of {@code count} keys from {@code from} on, the positions that nobody sees. */
    int[] hidden(long from, int count) {
        if (mask == null) {
            return NOBODY;
        }
        MemorySegment bytes = mask.buffer().memory();
        int[] hidden = new int[count];
        int n = 0;
        for (int j = 0; j < count; j++) {
            if (bytes.get(ValueLayout.JAVA_BYTE, mask.index(from + j)) == 0) {
                hidden[n++] = j;
            }
        }
        return Arrays.copyOf(hidden, n);
    }

    /** Writes one value at all hidden positions of a row. */
    static void set(int[] hidden, MemorySegment row, long at, float value) {
        for (int j : hidden) {
            Lanes.set(row, at + j, value);
        }
    }
}
