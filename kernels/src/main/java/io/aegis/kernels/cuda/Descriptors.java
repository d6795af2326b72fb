package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Descriptors of cuDNN's backend that go together, and their attributes by Java's types. */
final class Descriptors implements AutoCloseable {
    private final Cudnn cudnn;
    private final List<Long> all = new ArrayList<>();
    private final Map<Long, String> names = new HashMap<>();

    Descriptors(Cudnn cudnn) {
        this.cudnn = cudnn;
    }

    /**
     * A descriptor without attributes.
     *
     * @param kind {@code cudnnBackendDescriptorType_t}
     * @param name for messages
     */
    long create(int kind, String name) {
        long d = cudnn.create(kind, name);
        all.add(d);
        names.put(d, name);
        return d;
    }

    void set(long d, int attribute, Cudnn.Type type, long count, MemorySegment values) {
        cudnn.set(d, names.get(d), attribute, type, count, values);
    }

    /** Of handles, descriptors, addresses and 64-bit numbers. */
    void setLongs(long d, int attribute, Cudnn.Type type, long... values) {
        try (Arena arena = Arena.ofConfined()) {
            set(d, attribute, type, values.length, arena.allocateFrom(JAVA_LONG, values));
        }
    }

    /** Of enums. */
    void setInt(long d, int attribute, Cudnn.Type type, int value) {
        try (Arena arena = Arena.ofConfined()) {
            set(d, attribute, type, 1, arena.allocateFrom(JAVA_INT, value));
        }
    }

    /** Says yes. */
    void setTrue(long d, int attribute) {
        try (Arena arena = Arena.ofConfined()) {
            set(d, attribute, Cudnn.Type.BOOLEAN, 1, arena.allocateFrom(JAVA_BYTE, (byte) 1));
        }
    }

    void finish(long d) {
        cudnn.finish(d, names.get(d));
    }

    long readLong(long d, int attribute) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(JAVA_LONG);
            cudnn.get(d, names.get(d), attribute, Cudnn.Type.INT64, 1, value);
            return value.get(JAVA_LONG, 0);
        }
    }

    /**
     * Descriptors that an attribute has.
     *
     * @param kind theirs
     * @return at most {@code most}; cuDNN fills those that it can use, which may be none
     */
    long[] readDescriptors(long d, int attribute, int kind, String name, int most) {
        try (Arena arena = Arena.ofConfined()) {
            long there = cudnn.get(d, names.get(d), attribute, Cudnn.Type.BACKEND_DESCRIPTOR, 0, MemorySegment.NULL);
            long[] room = new long[(int) Math.min(there, most)];
            for (int i = 0; i < room.length; i++) {
                room[i] = create(kind, name);
            }
            if (room.length == 0) {
                return room;
            }
            long filled = cudnn.get(
                    d,
                    names.get(d),
                    attribute,
                    Cudnn.Type.BACKEND_DESCRIPTOR,
                    room.length,
                    arena.allocateFrom(JAVA_LONG, room));
            return Arrays.copyOf(room, (int) Math.min(filled, room.length));
        }
    }

    @Override
    public void close() {
        all.reversed().forEach(cudnn::destroy);
        all.clear();
    }
}
