package io.aegis.kernels.cuda;

import java.util.ArrayList;
import java.util.List;

/**
 * The launches that may still be running, the last few of them: a fault on a device is told by some later call, which knows
 * nothing of the kernel.
 */
final class LaunchHistory {
    private static final int KEPT = 8;

    private final Object[] ring = new Object[KEPT];
    private long queued;
    private long finished;

    /** A launch; its text is for people. */
    record Launch(Engine.Kernel kernel, Engine.Grid grid) {
        @Override
        public String toString() {
            return kernel.entry() + " of " + kernel.variant() + " on " + grid.x() + " x " + grid.y() + " x " + grid.z()
                    + " blocks of " + grid.threads() + " threads and " + grid.shared()
                    + " bytes of dynamic shared memory";
        }
    }

    /** Remembers what was queued, of which only the text is ever used. */
    synchronized void add(Object launch) {
        ring[(int) (queued++ % KEPT)] = launch;
    }

    /** How many were queued so far. */
    synchronized long queued() {
        return queued;
    }

    /** The first so many are done. */
    synchronized void finished(long launches) {
        finished = Math.max(finished, launches);
    }

    /** What may have been running, newest first. */
    synchronized String describe() {
        long open = queued - finished;
        if (open == 0) {
            return "no kernel was running";
        }
        List<String> names = new ArrayList<>();
        for (long i = queued - 1; i >= Math.max(finished, queued - KEPT); i--) {
            names.add(ring[(int) (i % KEPT)].toString());
        }
        String those = open == 1
                ? "it was"
                : open <= KEPT
                        ? "it was one of the last " + open + " launches, the newest first:"
                        : "it was one of the last " + open + " launches, of which the newest " + KEPT + " are";
        return those + " " + String.join("; ", names)
                + (open == 1
                        ? ""
                        : " (-D" + DriverEngine.BLOCKING + "=true waits after every launch and names the one)");
    }
}
