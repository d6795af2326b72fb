package io.aegis.kernels;

/** Memory of a device for whoever makes tensors there; freed blocks are kept and handed out again. Thread-safe. */
public interface Memory {
    /**
     * A buffer with any content.
     *
     * @throws OutOfMemoryError with what was asked for, what is in use and what there is
     */
    Buffer acquire(long bytes);

    /** Takes a buffer back; work that was queued before may still read it. */
    void release(Buffer buffer);

    /** Bytes handed out and not yet returned. */
    long liveBytes();

    /** Buffers handed out and not yet returned: 0 when every scope is closed, or something leaks. */
    long liveBlocks();

    /** The most that was in use at once since {@link #resetPeak}, in bytes. */
    long peakBytes();

    void resetPeak();

    /** All that the device has, in bytes, whoever uses it; the largest long where nobody tells. */
    default long capacity() {
        return Long.MAX_VALUE;
    }

    /** Gives all unused blocks back to the device. */
    void trim();
}
