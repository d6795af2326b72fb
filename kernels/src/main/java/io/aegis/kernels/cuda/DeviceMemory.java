package io.aegis.kernels.cuda;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Device;
import io.aegis.kernels.Memory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The caching allocator of one engine. Since all work runs on one stream, a block that was released may be handed out at
 * once: whoever writes it next is queued behind whoever read it last. Blocks are kept by size; a request takes one that
 * wastes at most an eighth.
 *
 * <p>Buffers of the host that kernels were given (weights, mapped files) keep their copy on the device as long as the
 * {@link Buffer} is reachable; what has become unreachable is collected when memory is asked for.
 */
final class DeviceMemory implements Memory {
    private static final long GRAIN = 512;
    private static final boolean POISON = Boolean.getBoolean("aegis.poison");

    private final Engine engine;
    private final Device device;
    private final FreeBlocks free = new FreeBlocks();
    /** The blocks of recorded graphs, by address. */
    private final Map<Long, FreeBlocks> reserved = new HashMap<>();
    /** What this thread records, while it does. */
    private final ThreadLocal<Capture> recording = new ThreadLocal<>();

    private final TreeMap<Long, ArrayDeque<MemorySegment>> freeHost = new TreeMap<>();
    private final ReferenceQueue<Buffer> dropped = new ReferenceQueue<>();
    private final Map<Reference<? extends Buffer>, Residence> guests = new HashMap<>();
    private long liveBytes;
    /** Of blocks that graphs keep while nobody is in them; nobody else gets them. */
    private long keptBytes;

    private long liveBlocks;
    private long peakBytes;

    DeviceMemory(Engine engine, Device device) {
        this.engine = engine;
        this.device = device;
    }

    Device device() {
        return device;
    }

    Engine engine() {
        return engine;
    }

    /**
     * A block of raw memory: its address.
     *
     * @throws OutOfMemoryError with what was asked for, what is in use and what the device has, when there is none left even after all
     *     that was kept for reuse has been given back
     */
    synchronized long take(long bytes) {
        collect();
        long size = rounded(bytes);
        Capture capture = recording.get();
        long address = capture == null ? free.take(size) : reserved(size, capture.blocks());
        if (address == 0) {
            address = allocate(size);
        }
        liveBytes += size;
        peakBytes = Math.max(peakBytes, liveBytes());
        engine.use(address, bytes);
        if (POISON) {
            engine.fill(address, (byte) 0xff, size);
        }
        return address;
    }

    /** A block for as long as the engine is open, which counts as nobody's. */
    synchronized long takeForGood(long bytes) {
        collect();
        return allocate(rounded(bytes));
    }

    /** A block of a graph's own; work that is queued already may use it still, but the graph is queued behind that. */
    private long reserved(long size, FreeBlocks own) {
        long address = own.take(size);
        if (address == 0) {
            address = free.take(size);
            if (address == 0) {
                address = allocate(size);
            }
            reserved.put(address, own);
        } else {
            keptBytes -= size;
        }
        return address;
    }

    /** Gives a block back; {@code bytes} as it was asked for. */
    synchronized void give(long address, long bytes) {
        long size = rounded(bytes);
        liveBytes -= size;
        engine.use(address, 0);
        FreeBlocks owner = reserved.getOrDefault(address, free);
        owner.give(address, size);
        keptBytes += owner == free ? 0 : size;
        Capture capture = recording.get();
        if (capture != null && capture.blocks() == owner) {
            capture.forget(address);
        }
    }

    /**
     * Records a graph. Memory that the work takes belongs to the graph until it is closed, so that nothing else is there when it runs;
     * what the work gives back it takes again itself. Kernels, weights and counters that are not there yet should be: run the work
     * once before.
     *
     * @see Engine#record
     */
    Engine.Graph record(Runnable work) {
        FreeBlocks own = new FreeBlocks();
        Capture capture = new Capture(own);
        Capture outer = recording.get();
        recording.set(capture);
        boolean recorded = false;
        try {
            Engine.Graph graph = capture.of(engine.record(work), () -> dissolve(own));
            recorded = true;
            return graph;
        } finally {
            recording.set(outer);
            if (!recorded) {
                dissolve(own);
            }
        }
    }

    /** What this thread records; null when it does not. */
    Capture recording() {
        return recording.get();
    }

    /** Blocks of a graph are as all others again. */
    private synchronized void dissolve(FreeBlocks own) {
        reserved.values().removeIf(o -> o == own);
        keptBytes -= own.bytes();
        free.giveAll(own);
    }

    /** Host memory for a copy, of at least so many bytes: opening and closing an arena each time is too slow. */
    synchronized MemorySegment takeHost(long bytes) {
        long size = rounded(bytes);
        ArrayDeque<MemorySegment> same = freeHost.get(size);
        return same == null || same.isEmpty() ? Arena.ofAuto().allocate(size, Buffer.ALIGNMENT) : same.pop();
    }

    synchronized void giveHost(MemorySegment block) {
        freeHost.computeIfAbsent(block.byteSize(), s -> new ArrayDeque<>()).push(block);
    }

    @Override
    public long capacity() {
        return engine.properties().memory();
    }

    @Override
    public Buffer acquire(long bytes) {
        Residence residence = new Residence(this, bytes);
        synchronized (this) {
            liveBlocks++;
        }
        return Buffer.mirrored(bytes, residence);
    }

    @Override
    public void release(Buffer buffer) {
        buffer.mirror().discard();
        synchronized (this) {
            liveBlocks--;
        }
    }

    /** The copy on this device of any buffer. */
    Residence residence(Buffer buffer) {
        Buffer.Mirror mirror = buffer.mirror();
        if (mirror == null) {
            mirror = buffer.mirror(() -> guest(buffer));
        }
        if (mirror instanceof Residence r && r.memory() == this) {
            return r;
        }
        throw new CudaException("a buffer of " + buffer.device() + " was given to kernels of " + device);
    }

    private Residence guest(Buffer buffer) {
        if (recording.get() != null) {
            throw new CudaException("a graph is being recorded on " + device + ", and a buffer of the host of "
                    + buffer.bytes() + " bytes comes up for the first time: its content would stay what it is now");
        }
        Residence residence = new Residence(this, buffer.memory());
        synchronized (this) {
            guests.put(new PhantomReference<>(buffer, dropped), residence);
        }
        return residence;
    }

    private void collect() {
        for (Reference<? extends Buffer> r = dropped.poll(); r != null; r = dropped.poll()) {
            Residence gone = guests.remove(r);
            if (gone != null) {
                gone.discard();
            }
        }
    }

    /** What graphs keep counts as in use, whether they run or not. */
    @Override
    public synchronized long liveBytes() {
        return liveBytes + keptBytes;
    }

    @Override
    public synchronized long liveBlocks() {
        return liveBlocks;
    }

    @Override
    public synchronized long peakBytes() {
        return peakBytes;
    }

    @Override
    public synchronized void resetPeak() {
        peakBytes = liveBytes();
    }

    @Override
    public synchronized void trim() {
        free.clear(engine::free);
        freeHost.clear();
    }

    private long allocate(long size) {
        try {
            return engine.allocate(size);
        } catch (OutOfMemoryError first) {
            System.gc(); // what only unreachable buffers of the host hold on to
            collect();
            trim();
            try {
                return engine.allocate(size);
            } catch (OutOfMemoryError second) {
                throw new OutOfMemoryError(
                        "no memory on " + device + " for a tensor of " + size + " bytes; " + liveBytes()
                                + " bytes are in use by other tensors and recorded graphs: " + second.getMessage());
            }
        }
    }

    /** A few sizes rather than many, so that blocks fit again: an eighth of the power of two below. */
    private static long rounded(long bytes) {
        long wanted = Math.max(GRAIN, bytes);
        long step = Math.max(GRAIN, Long.highestOneBit(wanted) >> 3);
        return (wanted + step - 1) / step * step;
    }
}
