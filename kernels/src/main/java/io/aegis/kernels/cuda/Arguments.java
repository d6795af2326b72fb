package io.aegis.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The one struct that a kernel takes, packed as C lays it out on a 64-bit machine: each field at a multiple of its own
 * size. One a thread, used again for every launch.
 */
final class Arguments {
    /** {@code MAX_RANK} of common.cuh. */
    static final int MAX_RANK = 6;

    private static final int CAPACITY = 4096;
    private static final ThreadLocal<Arguments> OWN = ThreadLocal.withInitial(Arguments::new);

    private final MemorySegment memory = Arena.ofAuto().allocate(CAPACITY, TensorMap.ALIGNMENT);
    private long used;
    private int alignment;

    private Arguments() {}

    /** This thread's, empty. */
    static Arguments begin() {
        Arguments a = OWN.get();
        a.used = 0;
        a.alignment = Long.BYTES;
        return a;
    }

    /** A device address. */
    Arguments pointer(long address) {
        return i64(address);
    }

    Arguments i64(long value) {
        memory.set(ValueLayout.JAVA_LONG, place(8), value);
        return this;
    }

    Arguments i32(int value) {
        memory.set(ValueLayout.JAVA_INT, place(4), value);
        return this;
    }

    Arguments f64(double value) {
        return i64(Double.doubleToRawLongBits(value));
    }

    Arguments f32(double value) {
        memory.set(ValueLayout.JAVA_FLOAT, place(4), (float) value);
        return this;
    }

    /** Nothing, for what a kernel does not look at. */
    Arguments zeros(int bytes) {
        memory.asSlice(used, bytes).fill((byte) 0);
        used += bytes;
        return this;
    }

    /**
     * The struct View of common.cuh.
     *
     * @param data address of its first element
     * @throws IllegalArgumentException for more than {@link #MAX_RANK} dimensions
     */
    Arguments view(long data, long[] shape, long[] strides) {
        if (shape.length > MAX_RANK) {
            throw new IllegalArgumentException("a view of rank " + shape.length + ", at most " + MAX_RANK);
        }
        i64(data).i32(shape.length).i32(0);
        for (int d = 0; d < MAX_RANK; d++) {
            i64(d < shape.length ? shape[d] : 1);
        }
        for (int d = 0; d < MAX_RANK; d++) {
            i64(d < shape.length ? strides[d] : 0);
        }
        return this;
    }

    /**
     * The struct Divisor of common.cuh, for numbers below 2^31.
     *
     * @param by 1 to 2^31 - 1; anything below counts as 1, as an empty dimension's size may
     */
    Arguments divisor(long by) {
        int d = Math.toIntExact(Math.max(1, by));
        int shift = 32 - Integer.numberOfLeadingZeros(d - 1);
        return i32((int) Math.ceilDiv(1L << 31 + shift, (long) d))
                .i32(shift)
                .i32(d)
                .i32(0);
    }

    /** The struct TensorMap of hopper.cuh; zeros for null, a map that the kernel does not look at. */
    Arguments map(Engine engine, TensorMap map) {
        MemorySegment to = memory.asSlice(place(TensorMap.BYTES, TensorMap.ALIGNMENT), TensorMap.BYTES);
        if (map == null) {
            to.fill((byte) 0);
        } else {
            engine.encode(map, to);
        }
        return this;
    }

    /** The struct, to be copied by whoever launches. */
    MemorySegment packed() {
        return memory.asSlice(0, used + alignment - 1 & -alignment);
    }

    private long place(int size) {
        return place(size, size);
    }

    private long place(int size, int aligned) {
        long at = used + aligned - 1 & -aligned;
        used = at + size;
        alignment = Math.max(alignment, aligned);
        return at;
    }
}
