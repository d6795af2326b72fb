package io.aegis.tensor;

import io.aegis.kernels.Buffer;

/**
 * A buffer with a count of those who need it: the scopes whose tensors view it, and the tape that keeps it for the
 * backward pass. At zero it returns to the pool. Its version counts writes after creation, so that the tape notices
 * when something that it kept has changed.
 */
final class Storage {
    private final Buffer buffer;
    private final Pool.Block block;
    private int references = 1;
    private long version;

    private Storage(Buffer buffer, Pool.Block block) {
        this.buffer = buffer;
        this.block = block;
    }

    static Storage allocate(long bytes) {
        Pool.Block block = Pool.host().acquire(bytes);
        return new Storage(Buffer.host(block.memory()), block);
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
        if (--references == 0 && block != null) {
            Pool.host().release(block);
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
