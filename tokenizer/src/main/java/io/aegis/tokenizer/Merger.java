package io.aegis.tokenizer;

import java.util.Arrays;

/**
 * Byte pair encoding of one pre-token: the neighbours of lowest rank become one, again and again, leftmost on ties. A
 * linked list of symbols and a heap of pairs: n log n for n symbols. Reused from pre-token to pre-token; not thread-safe.
 *
 * <p>An entry of the heap whose pair is no more what it was counts if the pair that stands there now becomes the same
 * token, as in Hugging Face's tokenizers.
 */
final class Merger {
    /** Told of each pair that could be merged, for vocabularies that undo some merges. */
    interface Watcher {
        void seen(int left, int right, int result);
    }

    private final Merges merges;
    private final Watcher watcher;
    private final LongHeap heap = new LongHeap();
    private int[] ids = new int[64];
    private int[] begins = new int[64];
    private int[] ends = new int[64];
    private int[] previous = new int[64];
    private int[] next = new int[64];
    private int count;

    Merger(Merges merges, Watcher watcher) {
        this.merges = merges;
        this.watcher = watcher;
    }

    /** Forgets all symbols. */
    void clear() {
        count = 0;
    }

    /** Adds a symbol behind the others: its id, and where in the pre-token it begins and ends. */
    void add(int id, int begin, int end) {
        if (count == ids.length) {
            ids = Arrays.copyOf(ids, count * 2);
            begins = Arrays.copyOf(begins, count * 2);
            ends = Arrays.copyOf(ends, count * 2);
            previous = Arrays.copyOf(previous, count * 2);
            next = Arrays.copyOf(next, count * 2);
        }
        ids[count] = id;
        begins[count] = begin;
        ends[count] = end;
        previous[count] = count - 1;
        next[count] = count + 1;
        count++;
    }

    /** Merges all that can be merged. */
    void merge() {
        heap.clear();
        for (int i = 0; i + 1 < count; i++) {
            offer(i, i + 1);
        }
        while (!heap.isEmpty()) {
            int left = (int) heap.key();
            int result = heap.value();
            heap.pop();
            if (next[left] == 0 || next[left] == count) {
                continue;
            }
            int right = next[left];
            int entry = merges.find(ids[left], ids[right]);
            if (entry >= 0 && merges.result(entry) == result) {
                join(left, right, result);
            }
        }
    }

    private void join(int left, int right, int result) {
        ids[left] = result;
        ends[left] = ends[right];
        next[left] = next[right];
        // A symbol that is gone has none behind it; 0 is behind no symbol.
        next[right] = 0;
        if (next[left] < count) {
            previous[next[left]] = left;
            offer(left, next[left]);
        }
        if (previous[left] >= 0) {
            offer(previous[left], left);
        }
    }

    private void offer(int left, int right) {
        int entry = merges.find(ids[left], ids[right]);
        if (entry >= 0) {
            heap.push((long) merges.rank(entry) << 32 | left, merges.result(entry));
            if (watcher != null) {
                watcher.seen(ids[left], ids[right], merges.result(entry));
            }
        }
    }

    /** The first symbol that is left; {@link #end} when there is none. */
    int first() {
        return 0;
    }

    /** Behind the last symbol. */
    int end() {
        return count;
    }

    /** The symbol behind another one. */
    int next(int symbol) {
        return next[symbol];
    }

    int id(int symbol) {
        return ids[symbol];
    }

    int beginOf(int symbol) {
        return begins[symbol];
    }

    int endOf(int symbol) {
        return ends[symbol];
    }
}
