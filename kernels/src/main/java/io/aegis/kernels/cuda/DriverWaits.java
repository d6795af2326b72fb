package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Optional;

/**
 * Where a device's kernels of a debug build write down what they wait for: pinned memory of the host, which is still there when the
 * kernel has trapped and its context is lost, and a counter of the device's.
 */
final class DriverWaits implements AutoCloseable {
    /** Of watched.cuh, a struct Waits. */
    private static final String VARIABLE = "aegis_waits";

    private static final int STRUCT_BYTES = 24;

    private final Driver driver;
    private final long stream;
    private final Duration limit;
    private final MemorySegment waits;
    private final long count;

    /**
     * Takes the memory; the context is current.
     *
     * @param limit how long a barrier may be waited for
     */
    DriverWaits(Driver driver, long stream, Duration limit) {
        this.driver = driver;
        this.stream = stream;
        this.limit = limit;
        this.waits = driver.allocatePinned(Hang.BYTES).fill((byte) 0);
        this.count = driver.allocate(Integer.BYTES);
        driver.fill(count, (byte) 0, Integer.BYTES, stream);
    }

    /** Tells a module's kernels where to write, and when; behind all that is queued. */
    void show(long module) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(STRUCT_BYTES, Long.BYTES);
            struct.set(JAVA_LONG, 0, waits.address());
            struct.set(JAVA_LONG, 8, count);
            struct.set(JAVA_LONG, 16, limit.toNanos());
            driver.upload(driver.variable(module, VARIABLE), struct, stream);
            driver.synchronize(stream);
        }
    }

    /** What was waited for too long, if anything was. */
    Optional<Hang> hang() {
        return Hang.read(waits);
    }

    @Override
    public void close() {
        driver.free(count);
        driver.freePinned(waits);
    }
}
