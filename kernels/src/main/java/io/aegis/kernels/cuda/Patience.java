package io.aegis.kernels.cuda;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * How long the host waits for a device: {@code -Daegis.cuda.timeout=SECONDS}, 120 unless given, {@code none} for ever. A kernel that
 * hangs never lets the driver's own wait return, so the driver is asked again and again instead: without a pause at first, as its own
 * wait would, then with pauses that are short beside what was waited for already.
 *
 * <p>It bounds waits of this process's own. A launch behind about a thousand others, which the driver itself holds back, is not
 * bounded.
 *
 * @param limit null for none
 */
record Patience(Duration limit) {
    static final String PROPERTY = "aegis.cuda.timeout";

    private static final String NONE = "none";
    private static final int USUAL_SECONDS = 120;
    /** A token of a large model takes less: nothing that is waited for often is waited for with pauses. */
    private static final long SPIN_NANOS = 20_000_000;

    private static final int PAUSES = 1000;
    private static final long LONGEST_PAUSE_NANOS = 1_000_000;

    /**
     * What the property says.
     *
     * @throws CudaException when that is no number of seconds
     */
    static Patience asked() {
        String given = System.getProperty(PROPERTY, Integer.toString(USUAL_SECONDS));
        if (NONE.equals(given)) {
            return new Patience(null);
        }
        if (!given.matches("[1-9][0-9]{0,4}")) {
            throw new CudaException("-D" + PROPERTY + "=" + given + ": expected seconds, 1 to 99999, or none");
        }
        return new Patience(Duration.ofSeconds(Integer.parseInt(given)));
    }

    boolean isEndless() {
        return limit == null;
    }

    /**
     * Asks until the answer is another than {@link Driver#NOT_READY}, and returns that.
     *
     * @throws CudaException of that code when time is up
     */
    int await(Library.Call query) {
        long start = System.nanoTime();
        while (true) {
            // Read before asking: a process that was stopped meanwhile asks once more before it gives up.
            long waited = System.nanoTime() - start;
            int status = Library.status(query);
            if (status != Driver.NOT_READY) {
                return status;
            }
            if (waited > limit.toNanos()) {
                throw new CudaException(
                        "it has not finished within " + limit.toMillis() / 1e3 + " s and hangs, or -D" + PROPERTY
                                + "=SECONDS is too short (none waits for ever)",
                        null,
                        Driver.NOT_READY);
            }
            if (waited < SPIN_NANOS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(Math.min(waited / PAUSES, LONGEST_PAUSE_NANOS));
            }
        }
    }
}
