package io.aegis.models.faceshield;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Which tokens are the top k percent. */
public enum TokenRanking {
    /** Of all tokens; one stream may take more than the other. */
    JOINT {
        @Override
        int groups(int streams) {
            return 1;
        }
    },
    /** Of each stream's. */
    PER_STREAM {
        @Override
        int groups(int streams) {
            return streams;
        }
    };

    abstract int groups(int streams);

    /**
     * The best ceil(k n / 100) of each group of n tokens, ascending; among equals the one with the lower index is better.
     *
     * @param scores of all tokens, stream after stream
     * @param streams how many streams of equal length there are
     * @param percent k
     */
    int[] top(double[] scores, int streams, double percent) {
        int groups = groups(streams);
        int n = scores.length / groups;
        int keep = (int) Math.ceil(percent * n / 100);
        return IntStream.range(0, groups)
                .flatMap(g -> best(scores, g * n, n, keep))
                .sorted()
                .toArray();
    }

    private static IntStream best(double[] scores, int from, int n, int keep) {
        Integer[] order = new Integer[n];
        Arrays.setAll(order, i -> from + i);
        Arrays.sort(order, Comparator.comparingDouble((Integer i) -> scores[i]).reversed());
        return Arrays.stream(order, 0, keep).mapToInt(Integer::intValue);
    }
}
