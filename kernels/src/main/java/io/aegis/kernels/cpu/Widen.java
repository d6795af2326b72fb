package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.aegis.kernels.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Half-precision numbers as floats, exactly. A bfloat16 is the upper half of a float: a shift in a register. For F16 there
 * are no vectors, but the compiler makes the conversion instruction of a plain loop, provided that it writes into an array:
 * of two pieces of native memory it cannot know that they do not overlap.
 */
final class Widen {
    /** How many elements pass through an array at a time. */
    static final int CHUNK = 2048;

    private static final VectorSpecies<Short> HALF_WIDTH =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.F.vectorBitSize() / 2));
    private static final ThreadLocal<float[]> ARRAY = ThreadLocal.withInitial(() -> new float[CHUNK]);

    private Widen() {}

    /** An array of {@link #CHUNK} floats of this thread. */
    static float[] array() {
        return ARRAY.get();
    }

    /** The vector of floats behind as many bfloat16 from an element on. */
    static FloatVector bfloat16(MemorySegment m, long index) {
        ShortVector halves = ShortVector.fromMemorySegment(HALF_WIDTH, m, index << 1, ByteOrder.LITTLE_ENDIAN);
        IntVector wide = (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.I, 0);
        return wide.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    static float bfloat16At(MemorySegment m, long index) {
        return Float.intBitsToFloat(m.get(JAVA_SHORT_UNALIGNED, index << 1) << 16);
    }

    /** F16 from an element on into the start of an array. */
    static void float16(MemorySegment m, long index, float[] to, int n) {
        long from = index << 1;
        for (int i = 0; i < n; i++) {
            to[i] = Float.float16ToFloat(m.get(JAVA_SHORT_UNALIGNED, from + 2L * i));
        }
    }

    /** A row of F16, BF16 or F32 elements as floats. */
    static void row(DType dtype, MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        switch (dtype) {
            case F32 -> MemorySegment.copy(x, ix << 2, y, iy << 2, (long) n << 2);
            case BF16 -> bfloat16Row(x, ix, y, iy, n);
            case F16 -> {
                float[] array = array();
                for (int at = 0; at < n; at += CHUNK) {
                    int length = Math.min(CHUNK, n - at);
                    float16(x, ix + at, array, length);
                    MemorySegment.copy(array, 0, y, ValueLayout.JAVA_FLOAT_UNALIGNED, (iy + at) << 2, length);
                }
            }
            default -> throw new IllegalArgumentException("no float16 and no bfloat16: " + dtype);
        }
    }

    private static void bfloat16Row(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(bfloat16(x, ix + i), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, bfloat16At(x, ix + i));
        }
    }
}
