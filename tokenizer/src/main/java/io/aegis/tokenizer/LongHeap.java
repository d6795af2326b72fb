package io.aegis.tokenizer;

import java.util.Arrays;

/** A heap of longs, each with an int beside it; the smallest long comes out first. */
final class LongHeap {
    private long[] keys = new long[32];
    private int[] values = new int[32];
    private int size;

    boolean isEmpty() {
        return size == 0;
    }

    void clear() {
        size = 0;
    }

    void push(long key, int value) {
        if (size == keys.length) {
            keys = Arrays.copyOf(keys, size * 2);
            values = Arrays.copyOf(values, size * 2);
        }
        int i = size++;
        while (i > 0) {
            int parent = (i - 1) >>> 1;
            if (keys[parent] <= key) {
                break;
            }
            keys[i] = keys[parent];
            values[i] = values[parent];
            i = parent;
        }
        keys[i] = key;
        values[i] = value;
    }

    /** The smallest key. */
    long key() {
        return keys[0];
    }

    /** What lies beside the smallest key. */
    int value() {
        return values[0];
    }

    /** Removes the smallest. */
    void pop() {
        long key = keys[--size];
        int value = values[size];
        int i = 0;
        for (int child = 1; child < size; child = 2 * i + 1) {
            if (child + 1 < size && keys[child + 1] < keys[child]) {
                child++;
            }
            if (keys[child] >= key) {
                break;
            }
            keys[i] = keys[child];
            values[i] = values[child];
            i = child;
        }
        keys[i] = key;
        values[i] = value;
    }
}
