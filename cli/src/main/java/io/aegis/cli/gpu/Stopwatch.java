package io.aegis.cli.gpu;

import io.aegis.kernels.Kernels;
import java.util.Arrays;

/**
 * Time of queued work: several calls behind each other between two waits, so that launching hides behind running as it does
 * in use; the median of several such rounds, after warming up.
 */
final class Stopwatch {
    private static final int ROUNDS = 7;
    private static final double ROUND_SECONDS = 0.02;
    private static final int MOST = 2000;
    private static final int WARM_CALLS = 5000;
    private static final long WARM_NANOS = 400_000_000;
    private static final int WARM_QUEUE = 50;

    private final Kernels kernels;

    Stopwatch(Kernels kernels) {
        this.kernels = kernels;
    }

    /** Seconds of one call. */
    double seconds(Runnable call) {
        // The virtual machine compiles the way to a launch as well; until then a short kernel waits for it.
        long start = System.nanoTime();
        for (int i = 0; i < WARM_CALLS && System.nanoTime() - start < WARM_NANOS; i++) {
            call.run();
            if (i % WARM_QUEUE == 0) {
                kernels.synchronize();
            }
        }
        kernels.synchronize();
        int calls = Math.clamp((long) (ROUND_SECONDS / once(call, 1)), 1, MOST);
        once(call, calls);
        double[] rounds = new double[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            rounds[i] = once(call, calls);
        }
        Arrays.sort(rounds);
        return rounds[ROUNDS / 2];
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
