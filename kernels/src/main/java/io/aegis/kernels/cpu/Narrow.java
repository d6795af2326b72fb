package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Numbers rounded to bfloat16, to nearest even, NaN kept: bit for bit {@link View#bfloat16}. */
final class Narrow {
    private static final VectorSpecies<Short> HALF_WIDTH =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.F.vectorBitSize() / 2));
    private static final IntVector ALMOST_HALF = IntVector.broadcast(Lanes.I, 0x7fff);
    private static final IntVector ONE = IntVector.broadcast(Lanes.I, 1);
    private static final IntVector QUIET = IntVector.broadcast(Lanes.I, 0x40);

    private Narrow() {}

    /** A row of F32, F16 or BF16 elements; indices are counted in elements. */
    static void row(DType dtype, MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        switch (dtype) {
            case F32 -> float32(x, ix, y, iy, n);
            case BF16 -> MemorySegment.copy(x, ix << 1, y, iy << 1, (long) n << 1);
            case F16 -> float16(x, ix, y, iy, n);
            default -> throw new IllegalArgumentException("no float: " + dtype);
        }
    }

    private static void float32(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector v = Lanes.load(x, ix + i);
            IntVector bits = v.reinterpretAsInts();
            IntVector upper = bits.lanewise(VectorOperators.LSHR, 16);
            IntVector rounded = bits.add(ALMOST_HALF).add(upper.and(ONE)).lanewise(VectorOperators.LSHR, 16);
            VectorMask<Integer> nan = v.compare(VectorOperators.NE, v).cast(Lanes.I);
            IntVector kept = rounded.blend(upper.or(QUIET), nan);
            ((ShortVector) kept.convertShape(VectorOperators.I2S, HALF_WIDTH, 0))
                    .intoMemorySegment(y, iy + i << 1, ByteOrder.LITTLE_ENDIAN);
        }
        for (; i < n; i++) {
            y.set(JAVA_SHORT_UNALIGNED, iy + i << 1, View.bfloat16(Lanes.get(x, ix + i)));
        }
    }

    private static void float16(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        float[] array = Widen.array();
        MemorySegment wide = MemorySegment.ofArray(array);
        for (int at = 0; at < n; at += Widen.CHUNK) {
            int length = Math.min(Widen.CHUNK, n - at);
            Widen.float16(x, ix + at, array, length);
            float32(wide, 0, y, iy + at, length);
        }
    }
}
