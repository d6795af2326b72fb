package io.aegis.kernels.cuda;

import java.lang.foreign.MemorySegment;

/**
 * Pinned memory that uploads pass through, so that the caller's memory is free again when an upload returns and the device
 * copies while the host fills the other half. An upload waits only when both halves are on their way. Where no memory can
 * be pinned, uploads wait for the device instead.
 */
final class Staging implements AutoCloseable {
    private static final int HALVES = 2;
    private static final long ALIGNMENT = 64;

    private final Driver driver;
    private final long stream;
    private final long halfBytes;
    /** Recorded behind the last copy from a half. */
    private final long[] done = new long[HALVES];

    private MemorySegment pinned;
    private int half;
    private long used;

    /**
     * Takes no memory before the first upload.
     *
     * @param halfBytes a multiple of 64
     */
    Staging(Driver driver, long stream, long halfBytes) {
        this.driver = driver;
        this.stream = stream;
        this.halfBytes = halfBytes;
    }

    /** Queues a copy to the device; the context is current. */
    synchronized void upload(MemorySegment from, long to) {
        if (!prepare()) {
            driver.upload(to, from, stream);
            driver.synchronize(stream);
            return;
        }
        long bytes = from.byteSize();
        for (long at = 0; at < bytes; ) {
            if (used == halfBytes) {
                turn();
            }
            long n = Math.min(bytes - at, halfBytes - used);
            MemorySegment part = pinned.asSlice(half * halfBytes + used, n);
            part.copyFrom(from.asSlice(at, n));
            driver.upload(to + at, part, stream);
            used = Math.min(halfBytes, (used + n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
            at += n;
        }
    }

    private boolean prepare() {
        for (int h = 0; h < HALVES; h++) {
            if (done[h] == 0) {
                done[h] = driver.createEvent();
            }
        }
        if (pinned == null) {
            try {
                pinned = driver.allocatePinned(HALVES * halfBytes);
            } catch (CudaException e) {
                if (e.code() != Driver.OUT_OF_MEMORY) {
                    throw e;
                }
            }
        }
        return pinned != null;
    }

    /** To the other half, when the device has read it. */
    private void turn() {
        driver.record(done[half], stream);
        half = (half + 1) % HALVES;
        // An event that was never recorded is done.
        driver.await(done[half]);
        used = 0;
    }

    /** When the stream is done. What the driver no longer does is left to the end of the process. */
    @Override
    public synchronized void close() {
        for (int h = 0; h < HALVES; h++) {
            long event = done[h];
            done[h] = 0;
            if (event != 0) {
                driver.destroyEvent(event);
            }
        }
        if (pinned != null) {
            MemorySegment last = pinned;
            pinned = null;
            driver.freePinned(last);
        }
    }
}
