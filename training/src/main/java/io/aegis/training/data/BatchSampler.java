package io.aegis.training.data;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * Which samples make which batch. A batch is a function of (samples, options, seed, epoch, step) and of nothing else, so
 * a run that resumes at a position gets the batches that it would have got.
 *
 * <p>An epoch has as many places as there are samples. Places go round the cells of {@link Balance}, and each cell hands
 * out its samples in random order, all of them before any twice. A batch is a run of places, so that the cells' shares of
 * it differ by at most one. Unbalanced there is one cell, and an epoch is a permutation. Balanced with uneven cells, an
 * epoch repeats samples of the small ones and leaves out some of the large ones, others each time.
 *
 * <p>Immutable; safe to share between threads.
 */
public final class BatchSampler {
    /**
     * @param size samples in a batch, at least 1
     * @param shuffle in random order, another each epoch; otherwise in the order of the split
     * @param dropLast leave out the last batch of an epoch when it is smaller
     * @param balance whose shares are equal
     */
    public record Options(int size, boolean shuffle, boolean dropLast, Balance balance) {
        public Options {
            if (size < 1) {
                throw new DataException("batch size " + size + "; expected at least 1");
            }
        }

        /** As the published training: shuffled, the smaller last batch kept, unbalanced. */
        public static Options training(int size) {
            return new Options(size, true, false, Balance.NONE);
        }

        /** Every sample once, in order. */
        public static Options evaluation(int size) {
            return new Options(size, false, false, Balance.NONE);
        }
    }

    private static final long SHUFFLE_SITE = 3L << 20;

    private final Split split;
    private final Options options;
    private final long seed;
    private final List<int[]> cells;
    private volatile Epoch latest;

    /** The sample in each place of an epoch, and how often it was there before. */
    private record Epoch(long number, int[] sample, int[] pass) {}

    /** @throws DataException when there are no samples, or no whole batch where the last is dropped */
    public BatchSampler(Split split, Options options, long seed) {
        if (split.size() == 0) {
            throw new DataException(split.name() + ": no samples to make batches of");
        }
        if (options.dropLast() && split.size() < options.size()) {
            throw new DataException(split.name() + ": " + split.size() + " samples make no whole batch of "
                    + options.size() + ", and smaller ones are left out");
        }
        this.split = split;
        this.options = options;
        this.seed = seed;
        this.cells = cells(split, options.balance());
    }

    private static List<int[]> cells(Split split, Balance balance) {
        Map<Object, List<Integer>> cells = new LinkedHashMap<>();
        for (int i = 0; i < split.size(); i++) {
            cells.computeIfAbsent(balance.cell(split.samples().get(i)), _ -> new ArrayList<>())
                    .add(i);
        }
        Collection<List<Integer>> lists = cells.values();
        return lists.stream().map(c -> c.stream().mapToInt(i -> i).toArray()).toList();
    }

    /** Batches in an epoch. */
    public long stepsPerEpoch() {
        long n = split.size();
        return options.dropLast() ? n / options.size() : Math.ceilDiv(n, (long) options.size());
    }

    /** The position after another. */
    public Position after(Position position) {
        return position.step() + 1 < stepsPerEpoch()
                ? new Position(position.epoch(), position.step() + 1)
                : new Position(position.epoch() + 1, 0);
    }

    /**
     * The batch at a position.
     *
     * @throws DataException when the epoch has no such step, as when the data changed since the position was stored
     */
    public BatchPlan batch(Position position) {
        if (position.step() >= stepsPerEpoch()) {
            throw new DataException(split.name() + ": step " + position.step() + " of an epoch of " + stepsPerEpoch()
                    + " steps; the data or the batch size are not those of the stored position");
        }
        Epoch epoch = epoch(position.epoch());
        int from = Math.toIntExact(position.step() * options.size());
        int to = (int) Math.min((long) from + options.size(), split.size());
        List<BatchPlan.Row> rows = new ArrayList<>(to - from);
        for (int place = from; place < to; place++) {
            int index = epoch.sample()[place];
            long identity = index + (long) epoch.pass()[place] * split.size();
            rows.add(new BatchPlan.Row(identity, index, split.samples().get(index)));
        }
        return new BatchPlan(position, rows);
    }

    /** Batches from a position up to the end of the last epoch before another. */
    public Iterator<BatchPlan> batches(Position from, long endEpoch) {
        return new Iterator<>() {
            private Position next = from;

            @Override
            public boolean hasNext() {
                return next.epoch() < endEpoch;
            }

            @Override
            public BatchPlan next() {
                if (!hasNext()) {
                    throw new NoSuchElementException("epoch " + endEpoch + " is beyond the last");
                }
                BatchPlan batch = batch(next);
                next = after(next);
                return batch;
            }
        };
    }

    private Epoch epoch(long number) {
        Epoch known = latest;
        if (known == null || known.number() != number) {
            known = draw(number);
            latest = known;
        }
        return known;
    }

    private Epoch draw(long number) {
        int n = split.size();
        int[] sample = new int[n];
        int[] pass = new int[n];
        for (int c = 0; c < cells.size(); c++) {
            int[] order = cells.get(c).clone();
            int used = 0;
            for (int place = c; place < n; place += cells.size(), used++) {
                if (used % order.length == 0 && options.shuffle()) {
                    Shuffle.shuffle(order, seed, number, c, SHUFFLE_SITE + used / order.length);
                }
                sample[place] = order[used % order.length];
                pass[place] = used / order.length;
            }
        }
        return new Epoch(number, sample, pass);
    }
}
