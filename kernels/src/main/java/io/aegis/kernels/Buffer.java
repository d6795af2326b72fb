package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Raw memory. On the CPU the segment is ordinary native memory (64-byte aligned when allocated here, as aligned as the file
 * when mapped). A buffer that a GPU has touched has a {@link Mirror}: two copies of the same bytes, of which one or both are
 * current. Whoever asks for {@link #memory} gets the host's copy, brought up to date first; kernels of a GPU ask the mirror.
 * So every kernel of every device may be given any buffer, and data moves only when the other side needs it.
 */
public final class Buffer {
    /** Alignment in bytes of every buffer that this project allocates: a cache line, and the widest vector. */
    public static final long ALIGNMENT = 64;

    private final MemorySegment memory;
    private final long bytes;
    private volatile Mirror mirror;

    private Buffer(MemorySegment memory, long bytes, Mirror mirror) {
        this.memory = memory;
        this.bytes = bytes;
        this.mirror = mirror;
    }

    /** The copies of one buffer on the host and on a device, and which of them is current. Thread-safe. */
    public interface Mirror {
        /** The device that holds the other copy. */
        Device device();

        /**
         * The host's copy, current.
         *
         * @param writes whether the caller may write into it, so that the device's copy is no longer current
         */
        MemorySegment host(boolean writes);

        /** Frees what was made for the mirror, whatever it holds. */
        void discard();
    }

    /** Wraps host memory. */
    public static Buffer host(MemorySegment memory) {
        return new Buffer(Objects.requireNonNull(memory), memory.byteSize(), null);
    }

    /** Memory that begins on a device; the mirror makes a host's copy when somebody asks for it. */
    public static Buffer mirrored(long bytes, Mirror mirror) {
        return new Buffer(null, bytes, Objects.requireNonNull(mirror));
    }

    /** Allocates zeroed host memory that lives as long as {@code arena}. */
    public static Buffer allocate(Arena arena, long bytes) {
        return host(arena.allocate(Math.max(bytes, 1), ALIGNMENT));
    }

    /** The bytes on the host, current, for reading and writing. */
    public MemorySegment memory() {
        Mirror m = mirror;
        return m == null ? memory : m.host(true);
    }

    /** The bytes on the host, current, for reading only: a copy on a device stays valid. */
    public MemorySegment reading() {
        Mirror m = mirror;
        return m == null ? memory : m.host(false);
    }

    /** Size in bytes. */
    public long bytes() {
        return bytes;
    }

    /** Where the buffer has a copy besides the host. */
    public Device device() {
        Mirror m = mirror;
        return m == null ? Device.CPU : m.device();
    }

    /** The mirror, or null while there is none. */
    public Mirror mirror() {
        return mirror;
    }

    /** The mirror; a buffer of host memory gets one from {@code maker} the first time. For kernels of a device. */
    public synchronized Mirror mirror(Supplier<Mirror> maker) {
        if (mirror == null) {
            mirror = maker.get();
        }
        return mirror;
    }

    /** Frees a copy on a device, of host memory that is about to be freed itself: nothing is brought up to date. */
    public synchronized void discardMirror() {
        if (mirror != null && memory != null) {
            mirror.discard();
            mirror = null;
        }
    }
}
