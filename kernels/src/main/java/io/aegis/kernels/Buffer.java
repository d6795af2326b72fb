package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Raw memory on a device. On the CPU the segment is ordinary native memory (64-byte aligned when allocated here, as
 * aligned as the file when mapped); on a GPU it is an address with a size that Java never dereferences.
 *
 * @param memory the bytes
 * @param device where they are
 */
public record Buffer(MemorySegment memory, Device device) {
    /** Alignment in bytes of every buffer that this project allocates: a cache line, and the widest vector. */
    public static final long ALIGNMENT = 64;

    /** Wraps host memory. */
    public static Buffer host(MemorySegment memory) {
        return new Buffer(memory, Device.CPU);
    }

    /** Allocates zeroed host memory that lives as long as {@code arena}. */
    public static Buffer allocate(Arena arena, long bytes) {
        return host(arena.allocate(Math.max(bytes, 1), ALIGNMENT));
    }

    /** Size in bytes. */
    public long bytes() {
        return memory.byteSize();
    }
}
