package io.aegis.cli.gpu.bench;

import io.aegis.kernels.Kernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Times of queued work: several calls behind each other between two waits, so that launching hides behind running as it does
 * in use. Rivals take their rounds in turn, so that a card that slows down does so for all of them.
 */
public final class Race {
    private static final int WARM_QUEUE = 50;

    private final Kernels kernels;
    private final Effort effort;

    /**
     * How long to look.
     *
     * @param rounds that count
     * @param roundSeconds that a round should take
     * @param most calls of a round
     * @param warmCalls at most so many before
     * @param warmNanos at most so long before
     */
    public record Effort(int rounds, double roundSeconds, int most, int warmCalls, long warmNanos) {
        /** For figures. */
        public static final Effort FULL = new Effort(7, 0.02, 2000, 5000, 400_000_000);
        /** To see that it runs. */
        public static final Effort GLANCE = new Effort(1, 0, 1, 0, 0);
    }

    /**
     * Seconds of a call.
     *
     * @param least of the rounds
     * @param most of the rounds
     */
    public record Times(double median, double least, double most) {}

    public Race(Kernels kernels, Effort effort) {
        this.kernels = kernels;
        this.effort = effort;
    }

    /** Seconds of one call, the median. */
    public double seconds(Runnable call) {
        return times(List.of(call)).getFirst().median();
    }

    /** Times of each rival, all rounds of one before the first of the next. */
    public List<Times> oneAfterAnother(List<Runnable> rivals) {
        List<Times> all = new ArrayList<>();
        rivals.forEach(r -> all.addAll(times(List.of(r))));
        return all;
    }

    /** Times of each rival. */
    public List<Times> times(List<Runnable> rivals) {
        int[] calls = new int[rivals.size()];
        for (int i = 0; i < calls.length; i++) {
            calls[i] = warm(rivals.get(i));
        }
        double[][] rounds = new double[rivals.size()][effort.rounds()];
        for (int r = 0; r < effort.rounds(); r++) {
            for (int i = 0; i < calls.length; i++) {
                rounds[i][r] = once(rivals.get(i), calls[i]);
            }
        }
        List<Times> all = new ArrayList<>();
        for (double[] x : rounds) {
            Arrays.sort(x);
            all.add(new Times(x[x.length / 2], x[0], x[x.length - 1]));
        }
        return all;
    }

    /** How many calls a round has. */
    private int warm(Runnable call) {
        // The virtual machine compiles the way to a launch as well; until then a short kernel waits for it.
        long start = System.nanoTime();
        for (int i = 0; i < effort.warmCalls() && System.nanoTime() - start < effort.warmNanos(); i++) {
            call.run();
            if (i % WARM_QUEUE == 0) {
                kernels.synchronize();
            }
        }
        if (effort.most() == 1) {
            return 1;
        }
        kernels.synchronize();
        int calls = Math.clamp((long) (effort.roundSeconds() / once(call, 1)), 1, effort.most());
        once(call, calls);
        return calls;
    }

    private double once(Runnable call, int calls) {
        long start = System.nanoTime();
        for (int i = 0; i < calls; i++) {
            call.run();
        }
        kernels.synchronize();
        return Math.max(1e-7, (System.nanoTime() - start) / 1e9 / calls);
    }
}
