package io.aegis.kernels.cuda;

import io.aegis.kernels.Recording;
import java.lang.foreign.MemorySegment;

/**
 * Where compiled kernels run: a GPU behind its driver, or the emulator on the host. Everything is done in the order of the
 * calls, as on one stream; launches return before they are done. Thread-safe.
 */
interface Engine extends AutoCloseable {
    Properties properties();

    /** A short name for people: {@code cuda:0}, {@code emulator}. */
    String name();

    /**
     * Memory of the device, 256-byte aligned, with any content.
     *
     * @throws OutOfMemoryError with what was asked for and what the device has; nothing is lost and the engine is usable
     */
    long allocate(long bytes);

    /**
     * Tells how much of a block is in use, from its beginning: an allocator hands out blocks larger than was asked for, and
     * keeps those that were given back. The emulator reports accesses to the rest; a device takes no notice.
     */
    default void use(long address, long bytes) {}

    /** Gives memory back to the device, behind all work that was queued before. */
    void free(long address);

    /** Host to device; returns when {@code from} may be changed. */
    void upload(MemorySegment from, long to);

    /** Device to host; returns when {@code to} holds the bytes. */
    void download(long from, MemorySegment to);

    /** Device to device, queued. */
    void copy(long from, long to, long bytes);

    /** Writes one byte value everywhere, queued. */
    void fill(long to, byte value, long bytes);

    /**
     * An entry of a compiled variant; compiled, cached and loaded the first time.
     *
     * @throws CudaException when it does not compile or load, with the compiler's or the driver's words
     */
    Kernel kernel(Variant variant, String entry);

    /**
     * Queues a launch.
     *
     * @param arguments the kernel's one struct, copied before this returns
     * @throws CudaException naming kernel and launch shape; an error of an earlier kernel may come up here
     */
    void launch(Kernel kernel, Grid grid, MemorySegment arguments);

    /**
     * Writes down a map for a kernel's arguments.
     *
     * @param to {@link TensorMap#BYTES} bytes of the host, aligned to {@link TensorMap#ALIGNMENT}
     * @throws UnsupportedOperationException where there is no engine that copies by maps
     */
    default void encode(TensorMap map, MemorySegment to) {
        throw new UnsupportedOperationException(name() + " has no maps of tensors");
    }

    /** Waits until everything queued is done. */
    void synchronize();

    /** A stopwatch for what is queued between its start and its stop. */
    default Timer timer() {
        return new HostTimer(this);
    }

    /** Whether {@link #record} can be asked for. */
    default boolean canRecord() {
        return false;
    }

    /**
     * Records the launches, copies and fills that {@code work} queues on this thread, and runs none of them. What other
     * threads queue meanwhile is not recorded. An upload is done at once and is no part of the graph: it is meant for what
     * stays the same whenever the graph runs. All addresses have to stay valid as long as the graph is used.
     *
     * @throws UnsupportedOperationException unless {@link #canRecord}
     * @throws CudaException when {@code work} asks for what cannot be recorded, such as a download
     */
    default Graph record(Runnable work) {
        throw new UnsupportedOperationException(name() + " records no graphs");
    }

    @Override
    void close();

    /**
     * What kernels adapt to.
     *
     * @param description the device's own name
     * @param major compute capability, with {@code minor}
     * @param multiprocessors blocks that run at once are a multiple of it
     * @param memory bytes in all
     * @param sharedBytes the most dynamic shared memory that a block can ask for
     * @param cacheBytes second-level cache
     */
    record Properties(
            String description,
            int major,
            int minor,
            int multiprocessors,
            long memory,
            int sharedBytes,
            int cacheBytes) {}

    /** Measures queued work by the device's own clock where it has one. For one thread at a time. */
    interface Timer extends AutoCloseable {
        /** Queues the beginning. */
        void start();

        /** Queues the end. */
        void stop();

        /** Seconds from start to stop; waits for the stop. */
        double seconds();

        @Override
        void close();
    }

    /** Recorded work that is queued as a whole, in a fraction of the time that its launches take. */
    interface Graph extends Recording {}

    /** A loaded entry. */
    interface Kernel {
        Variant variant();

        String entry();
    }

    /**
     * The shape of a launch: blocks in three dimensions, threads of a block in one.
     *
     * @param threads a multiple of 32
     * @param shared bytes of dynamic shared memory
     */
    record Grid(long x, long y, long z, int threads, int shared) {
        static Grid of(long blocks, int threads) {
            return new Grid(blocks, 1, 1, threads, 0);
        }

        /** Enough blocks of {@code threads} for one thread an item. */
        static Grid cover(long items, int threads) {
            return of(Math.max(1, (items + threads - 1) / threads), threads);
        }
    }
}
