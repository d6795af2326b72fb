package io.aegis.tensor;

import com.sun.management.OperatingSystemMXBean;
import io.aegis.kernels.Buffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.TreeMap;

/**
 * Host memory that is used again and again. A training step asks for the same sizes every time, and fresh pages cost
 * more than most kernels: so freed blocks are kept by size and handed out to the next request that they fit without
 * wasting more than an eighth. Thread-safe.
 *
 * <p>With the system property {@code aegis.poison=true} (set in tests) every block is filled with NaN before it is
 * handed out, so that nothing can read what it did not write.
 */
public final class Pool {
    private static final boolean POISON = Boolean.getBoolean("aegis.poison");

    /**
     * What this process may have, a container's limit included: beyond it the system does not refuse memory, it kills
     * whoever touches it.
     */
    private static final long LIMIT =
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();

    /** After the limit, which a new pool's bound is. */
    private static final Pool HOST = new Pool();

    private final TreeMap<Long, ArrayDeque<Block>> free = new TreeMap<>();
    private long liveBytes;
    private long liveBlocks;
    private long peakBytes;
    private long cachedBytes;
    private long bound = LIMIT;

    private Pool() {}

    /** The one pool of host memory. */
    public static Pool host() {
        return HOST;
    }

    /** A block with its own arena, so that it can be given back to the system alone. */
    record Block(Arena arena, MemorySegment memory) {}

    /**
     * @throws OutOfMemoryError with the size asked for and the bytes in use, when the system has no more
     */
    synchronized Block acquire(long bytes) {
        long size = roundUp(bytes);
        Map.Entry<Long, ArrayDeque<Block>> fit = free.ceilingEntry(size);
        Block block;
        if (fit != null && fit.getKey() <= size + (size >> 3)) {
            block = fit.getValue().pop();
            if (fit.getValue().isEmpty()) {
                free.remove(fit.getKey());
            }
            cachedBytes -= block.memory.byteSize();
        } else {
            block = allocate(size);
        }
        liveBytes += block.memory.byteSize();
        liveBlocks++;
        peakBytes = Math.max(peakBytes, liveBytes);
        if (POISON) {
            block.memory.fill((byte) 0xff);
        }
        return block;
    }

    synchronized void release(Block block) {
        liveBytes -= block.memory.byteSize();
        liveBlocks--;
        cachedBytes += block.memory.byteSize();
        free.computeIfAbsent(block.memory.byteSize(), s -> new ArrayDeque<>()).push(block);
    }

    /** All that this machine or container has, in bytes, whoever uses it. */
    public static long capacity() {
        return LIMIT;
    }

    /** Bytes handed out and not yet returned. */
    public synchronized long liveBytes() {
        return liveBytes;
    }

    /** Blocks handed out and not yet returned: 0 when every scope is closed, or something leaks. */
    public synchronized long liveBlocks() {
        return liveBlocks;
    }

    /** The most that was ever in use at once, in bytes, since {@link #resetPeak}. */
    public synchronized long peakBytes() {
        return peakBytes;
    }

    /** Bytes held for reuse. */
    public synchronized long cachedBytes() {
        return cachedBytes;
    }

    /** Starts a new measurement of {@link #peakBytes}. */
    public synchronized void resetPeak() {
        peakBytes = liveBytes;
    }

    /**
     * Gives unused blocks back rather than let them and those in use exceed so many bytes together: for work that was
     * promised to keep within a budget. What is in use may exceed it all the same.
     *
     * @return the bound before; at first it is {@link #capacity}
     */
    public synchronized long bound(long bytes) {
        long before = bound;
        bound = Math.min(bytes, LIMIT);
        return before;
    }

    /** Gives all unused blocks back to the system. */
    public synchronized void trim() {
        free.values().forEach(blocks -> blocks.forEach(b -> b.arena.close()));
        free.clear();
        cachedBytes = 0;
    }

    /**
     * Fails before the system would end the process: when memory that somebody is about to fill does not fit beside the
     * tensors and the Java heap that there are.
     *
     * @param what for the message, in the plural, such as "the weights"
     * @throws OutOfMemoryError with what is needed and what there is
     */
    public synchronized void requireRoom(String what, long bytes) {
        long room = LIMIT - liveBytes - Runtime.getRuntime().totalMemory();
        if (bytes > room) {
            throw new OutOfMemoryError(what + " need " + (bytes >> 20) + " MB; this machine or container has "
                    + (LIMIT >> 20) + " MB, of which " + (Math.max(0, room) >> 20) + " are left");
        }
    }

    private Block allocate(long size) {
        if (size > bound - liveBytes - cachedBytes) {
            trim();
        }
        if (size > LIMIT - liveBytes) {
            throw new OutOfMemoryError("no memory for a tensor of " + size + " bytes; " + liveBytes
                    + " bytes are in use by other tensors, and this machine or container has " + LIMIT);
        }
        Arena arena = Arena.ofShared();
        try {
            return new Block(arena, arena.allocate(size, Buffer.ALIGNMENT));
        } catch (OutOfMemoryError | IllegalArgumentException first) {
            arena.close();
            trim();
            Arena again = Arena.ofShared();
            try {
                return new Block(again, again.allocate(size, Buffer.ALIGNMENT));
            } catch (OutOfMemoryError | IllegalArgumentException second) {
                again.close();
                throw new OutOfMemoryError("no memory for a tensor of " + size + " bytes; " + liveBytes
                        + " bytes are in use by other tensors");
            }
        }
    }

    private static long roundUp(long bytes) {
        return Math.max(Buffer.ALIGNMENT, bytes + Buffer.ALIGNMENT - 1 & -Buffer.ALIGNMENT);
    }
}
