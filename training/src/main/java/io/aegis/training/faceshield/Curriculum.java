package io.aegis.training.faceshield;

import io.aegis.training.data.Shuffle;
import java.util.Arrays;
import java.util.List;

/** Which lessons make which update: a function of lessons, sizes, seed and number, so that a run can resume anywhere. */
final class Curriculum {
    private static final long SITE = 7L << 20;

    private final List<Lesson> lessons;
    private final int perUpdate;
    private final long seed;
    private long drawn = -1;
    private int[] order;

    Curriculum(List<Lesson> lessons, int perUpdate, long seed) {
        this.lessons = List.copyOf(lessons);
        this.perUpdate = perUpdate;
        this.seed = seed;
    }

    /** The last update of an epoch may be smaller. */
    long updatesPerEpoch() {
        return Math.ceilDiv(lessons.size(), (long) perUpdate);
    }

    /** The lessons of an update, counted from 0 over all epochs; each epoch is another permutation of all. */
    List<Lesson> update(long number) {
        long epoch = number / updatesPerEpoch();
        if (epoch != drawn) {
            order = new int[lessons.size()];
            Arrays.setAll(order, i -> i);
            Shuffle.shuffle(order, seed, epoch, 0, SITE);
            drawn = epoch;
        }
        int from = Math.toIntExact(number % updatesPerEpoch() * perUpdate);
        int to = (int) Math.min((long) from + perUpdate, order.length);
        return Arrays.stream(order, from, to).mapToObj(lessons::get).toList();
    }
}
