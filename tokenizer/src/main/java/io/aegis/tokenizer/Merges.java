package io.aegis.tokenizer;

import java.util.Arrays;

/** Which pairs of tokens become one: for each pair its rank, the lowest first, and what it becomes. */
final class Merges {
    private static final int NONE = -1;

    private long[] pairs;
    private int[] ranks;
    private int[] results;
    private int count;

    Merges(int expected) {
        int slots = Integer.highestOneBit(Math.max(8, expected)) * 4;
        pairs = new long[slots];
        ranks = new int[slots];
        results = new int[slots];
        Arrays.fill(ranks, NONE);
    }

    /** Enters a pair; of two entries for one pair the later counts. */
    void put(int left, int right, int rank, int result) {
        if ((count + 1) * 2L > pairs.length) {
            grow();
        }
        int slot = slot(pair(left, right));
        if (ranks[slot] == NONE) {
            count++;
        }
        pairs[slot] = pair(left, right);
        ranks[slot] = rank;
        results[slot] = result;
    }

    /** The entry of a pair, for {@link #rank} and {@link #result}; negative when there is none. */
    int find(int left, int right) {
        int slot = slot(pair(left, right));
        return ranks[slot] == NONE ? NONE : slot;
    }

    int rank(int entry) {
        return ranks[entry];
    }

    int result(int entry) {
        return results[entry];
    }

    private static long pair(int left, int right) {
        return (long) left << 32 | right & 0xffffffffL;
    }

    private int slot(long pair) {
        int mask = pairs.length - 1;
        long mixed = pair * 0x9e3779b97f4a7c15L;
        int slot = (int) (mixed >>> 32) & mask;
        while (ranks[slot] != NONE && pairs[slot] != pair) {
            slot = slot + 1 & mask;
        }
        return slot;
    }

    private void grow() {
        long[] oldPairs = pairs;
        int[] oldRanks = ranks;
        int[] oldResults = results;
        pairs = new long[oldPairs.length * 2];
        ranks = new int[pairs.length];
        results = new int[pairs.length];
        Arrays.fill(ranks, NONE);
        for (int i = 0; i < oldPairs.length; i++) {
            if (oldRanks[i] != NONE) {
                int slot = slot(oldPairs[i]);
                pairs[slot] = oldPairs[i];
                ranks[slot] = oldRanks[i];
                results[slot] = oldResults[i];
            }
        }
    }
}
