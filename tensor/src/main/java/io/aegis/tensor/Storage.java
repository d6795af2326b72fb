package io.aegis.tensor;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Memory;

/**
 * A buffer with a count of those who need it: the scopes whose tensors view it, and the tape that keeps it for the
 * backward pass. At zero it returns to the pool. Its version counts writes after creation, so that the tape notices
 * when something that it kept has changed.
 */
final class Storage {
    private final Buffer buffer;
    /** Gives the memory back; null for memory that somebody else owns. */
    private final Runnable free;

    private int references = 1;
    private long version;

    private Storage(Buffer buffer, Runnable free) {
        this.buffer = buffer;
        this.free = free;
    }

    /** Memory where the kernels of the current scope compute. */
    static Storage allocate(long bytes) {
        Memory device = Scope.current().kernels().memory();
        if (device != null) {
            Buffer buffer = device.acquire(bytes);
            return new Storage(buffer, () -> device.release(buffer));
        }
        Pool.Block block = Pool.host().acquire(bytes);
        return new Storage(Buffer.host(block.memory()), () -> Pool.host().release(block));
    }

    /** Memory that somebody else owns and frees: a mapped file, an arena. */
    static Storage external(Buffer buffer) {
        return new Storage(buffer, null);
    }

    Buffer buffer() {
        return buffer;
    }

    synchronized void retain() {
        if (references <= 0) {
            throw new IllegalStateException("memory used after it was released");
        }
        references++;
    }

    synchronized void release() {
        if (references <= 0) {
            throw new IllegalStateException("memory released twice");
        }
        if (--references == 0 && free != null) {
            free.run();
        }
    }

    synchronized boolean isShared() {
        return references > 1;
    }

    synchronized long version() {
        return version;
    }

    synchronized void changed() {
        version++;
    }
}
