package io.aegis.training.memory;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Device;
import io.aegis.kernels.Memory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Memory that is only counted: a buffer of it has a size, and bytes once somebody looks at them, which nobody does at what
 * is large. It knows what was there when most was. For one thread.
 */
final class Ledger implements Memory {
    private static final String WORKSPACE = "workspace of the kernel";

    private final Map<Buffer, Block> live = new IdentityHashMap<>();
    private long liveBytes;
    private long peakBytes;
    private List<Block> atPeak = List.of();
    private Set<Block> kept = Set.of();

    /** What was handed out, and by which kind of kernel it was written first. */
    private static final class Block {
        private final long bytes;
        private String made = "indices";

        private Block(long bytes) {
            this.bytes = bytes;
        }
    }

    /** A buffer of zeros that takes up memory from when it is looked at on. */
    static Buffer unfilled(long bytes) {
        return Buffer.mirrored(bytes, new Buffer.Mirror() {
            private MemorySegment memory;

            @Override
            public Device device() {
                return Device.CPU;
            }

            @Override
            public synchronized MemorySegment host(boolean writes) {
                if (memory == null) {
                    memory = Arena.ofAuto().allocate(bytes, Buffer.ALIGNMENT);
                }
                return memory;
            }

            @Override
            public void discard() {}
        });
    }

    @Override
    public Buffer acquire(long bytes) {
        long size = Math.max(Buffer.ALIGNMENT, bytes + Buffer.ALIGNMENT - 1 & -Buffer.ALIGNMENT);
        Buffer buffer = unfilled(size);
        live.put(buffer, new Block(size));
        liveBytes += size;
        if (liveBytes > peakBytes) {
            peakBytes = liveBytes;
            atPeak = List.copyOf(live.values());
        }
        return buffer;
    }

    @Override
    public void release(Buffer buffer) {
        liveBytes -= live.remove(buffer).bytes;
    }

    /** Says that a kernel of some kind was given a buffer: the first one wrote it. */
    void seen(Buffer buffer, String kind) {
        Block block = live.get(buffer);
        if (block != null && block.made.equals("indices")) {
            block.made = kind;
        }
    }

    /** Says that a kernel holds so many bytes of its own while it runs. */
    void during(long bytes) {
        if (bytes > 0 && liveBytes + bytes > peakBytes) {
            peakBytes = liveBytes + bytes;
            List<Block> all = new ArrayList<>(live.values());
            Block own = new Block(bytes);
            own.made = WORKSPACE;
            all.add(own);
            atPeak = all;
        }
    }

    /** Says that what is there now is kept for the way back. */
    void keep() {
        kept = Set.copyOf(live.values());
    }

    /** What there was, besides what is kept, when most was in use: by the kind of kernel that made it, in bytes. */
    Map<String, Long> atPeak() {
        Map<String, Long> out = new TreeMap<>();
        atPeak.stream().filter(block -> !kept.contains(block)).forEach(b -> out.merge(b.made, b.bytes, Long::sum));
        return out;
    }

    @Override
    public long liveBytes() {
        return liveBytes;
    }

    @Override
    public long liveBlocks() {
        return live.size();
    }

    @Override
    public long peakBytes() {
        return peakBytes;
    }

    @Override
    public void resetPeak() {
        peakBytes = liveBytes;
        atPeak = List.copyOf(live.values());
    }

    @Override
    public void trim() {}
}
