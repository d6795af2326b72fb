package io.aegis.kernels.cuda;

import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** What the driver's errors become, and whether the device still answers: after some of them it never does. */
final class DriverFaults {
    private static final System.Logger LOG = System.getLogger(DriverFaults.class.getName());

    /**
     * Errors after which a context answers nothing else: cuda.h says of each that the process has to start again. A wait that was given
     * up is among them, for what hangs cannot be taken back.
     */
    static final Set<Integer> FATAL = Set.of(
            4, 46, 201, 214, 220, 226, Driver.NOT_READY, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 999);

    private final Driver driver;
    private final String name;
    private final LaunchHistory history;
    private final Supplier<Optional<Hang>> hang;
    private final LongSupplier held;

    private volatile String lost;
    private volatile boolean hangs;

    /**
     * @param name of the device
     * @param history of its launches
     * @param hang what was waited for too long, where that is known
     * @param held bytes of the device that this process holds
     */
    DriverFaults(Driver driver, String name, LaunchHistory history, Supplier<Optional<Hang>> hang, LongSupplier held) {
        this.driver = driver;
        this.name = name;
        this.history = history;
        this.hang = hang;
        this.held = held;
    }

    /** Whether the device answers nothing any more. */
    boolean isLost() {
        return lost != null;
    }

    /** @throws CudaException on a lost device: why it is */
    void requireNotLost() {
        if (lost != null) {
            throw new CudaException(lost);
        }
    }

    /** Whether something runs for ever: every call of the driver that waits for it, as those that free do, would do so too. */
    boolean hangs() {
        return hangs;
    }

    /**
     * What is thrown instead of an error of the driver; errors from elsewhere stay as they are.
     *
     * @throws OutOfMemoryError in the place of the driver's
     */
    CudaException failure(String what, CudaException e) {
        if (e.code() == 0) {
            return e;
        }
        if (e.code() == Driver.OUT_OF_MEMORY) {
            throw outOfMemory(what, e);
        }
        if (FATAL.contains(e.code())) {
            if (lost == null) {
                hangs = e.code() == Driver.NOT_READY;
                lost = name + " is lost, " + e.getMessage() + ": " + history.describe()
                        + hang.get().map(h -> "; " + h).orElse("")
                        + ". Only a new process can use it again; the CPU goes on";
                LOG.log(Level.ERROR, lost);
            }
            return new CudaException(what + " on " + name + ": " + lost, e);
        }
        return new CudaException(what + " on " + name + ": " + e.getMessage(), e);
    }

    private OutOfMemoryError outOfMemory(String what, CudaException e) {
        String has = "";
        try {
            long[] m = driver.memoryInfo();
            has = ", which has " + m[0] + " of " + m[1] + " bytes free";
        } catch (CudaException none) {
            LOG.log(Level.DEBUG, "no figures of a full device", none);
        }
        OutOfMemoryError error = new OutOfMemoryError(
                what + " on " + name + has + "; this process holds " + held.getAsLong() + " (" + e.getMessage() + ")");
        error.initCause(e);
        return error;
    }
}
