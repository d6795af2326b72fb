package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Rows of a quantised weight as floats, or rounded to bfloat16: eight weights at a time, in one vector or in two. */
final class QuantizedRows {
    private static final int EIGHT = 8;
    private static final VectorSpecies<Float> F = VectorSpecies.of(
            float.class, VectorShape.forBitSize(Math.min(Lanes.F.vectorBitSize(), EIGHT * Float.SIZE)));
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int N = F.length();
    /** How far each half byte of a vector's has to be moved. */
    private static final IntVector PLACES = IntVector.broadcast(I, 0).addIndex(4);

    /** Weights that are floats in between: they stay in the first cache. */
    private static final int AT_A_TIME = 1024;

    private QuantizedRows() {}

    /**
     * Weights {@code from} to {@code from + count} of a row.
     *
     * @param from a multiple of 8, as is {@code count}
     */
    static void widen(QuantizedWeight w, long row, long from, int count, MemorySegment y, long iy) {
        int group = w.group();
        Format format = w.format();
        MemorySegment codes = w.codes().buffer().memory();
        MemorySegment scales = w.scales().buffer().memory();
        long start = w.codes().offset() + row * w.codes().stride(0);
        long firstScale = w.scales().offset() + row * w.scales().size(1);
        long end = from + count;
        for (long at = from; at < end; ) {
            // A group's rest, or by machine code all whole groups that follow.
            boolean many = MachineCode.available() && at % group == 0 && end - at > group;
            long groups = many ? (end - at) / group : 1;
            long next = many ? at + groups * group : Math.min(end, (at / group + 1) * group);
            long code = start + format.width(at);
            long scale = firstScale + at / group;
            if (MachineCode.available()) {
                MachineCode.widen(format.bits())
                        .call(
                                codes.asSlice(code, format.width(next - at)),
                                scales.asSlice(scale << 2, groups << 2),
                                y.asSlice((iy + at - from) << 2, (next - at) << 2),
                                MachineCode.widenConstants(),
                                groups,
                                (next - at) / groups / EIGHT);
            } else if (format == Format.INT8) {
                bytes(codes, code, Lanes.get(scales, scale), y, iy + at - from, (int) (next - at));
            } else {
                halves(codes, code, Lanes.get(scales, scale), y, iy + at - from, (int) (next - at));
            }
            at = next;
        }
    }

    /**
     * As {@link #widen}, each weight then rounded to bfloat16.
     *
     * @param iy counted in elements of bfloat16
     */
    static void round(QuantizedWeight w, long row, long from, int count, MemorySegment y, long iy) {
        MemorySegment wide = Scratch.floats(Scratch.ROW, Math.min(count, AT_A_TIME));
        for (int at = 0; at < count; at += AT_A_TIME) {
            int length = Math.min(AT_A_TIME, count - at);
            widen(w, row, from + at, length, wide, 0);
            Narrow.row(DType.F32, wide, 0, y, iy + at, length);
        }
    }

    private static void bytes(MemorySegment q, long iq, float scale, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += EIGHT) {
            ByteVector eight = ByteVector.fromMemorySegment(ByteVector.SPECIES_64, q, iq + i, LITTLE_ENDIAN);
            for (int part = 0; part < EIGHT / N; part++) {
                FloatVector wide = (FloatVector) eight.convertShape(VectorOperators.B2F, F, part);
                wide.mul(scale).intoMemorySegment(y, iy + i + (long) part * N << 2, LITTLE_ENDIAN);
            }
        }
    }

    private static void halves(MemorySegment q, long iq, float scale, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += EIGHT) {
            int eight = q.get(JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), iq + i / 2);
            for (int part = 0; part < EIGHT / N; part++) {
                IntVector unsigned = IntVector.broadcast(I, eight >>> 4 * N * part)
                        .lanewise(VectorOperators.LSHR, PLACES)
                        .and(15);
                FloatVector wide = (FloatVector) unsigned.sub(8).convertShape(VectorOperators.I2F, F, 0);
                wide.mul(scale).intoMemorySegment(y, iy + i + (long) part * N << 2, LITTLE_ENDIAN);
            }
        }
    }
}
