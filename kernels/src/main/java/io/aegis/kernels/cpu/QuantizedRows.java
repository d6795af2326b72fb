package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

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

/** Rows of a quantised weight as floats: eight weights at a time, in one vector or in two. */
final class QuantizedRows {
    private static final int EIGHT = 8;
    private static final VectorSpecies<Float> F = VectorSpecies.of(
            float.class, VectorShape.forBitSize(Math.min(Lanes.F.vectorBitSize(), EIGHT * Float.SIZE)));
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int N = F.length();
    /** How far each half byte of a vector's has to be moved. */
    private static final IntVector PLACES = IntVector.broadcast(I, 0).addIndex(4);

    private QuantizedRows() {}

    /**
     * Weights {@code from} to {@code from + count} of a row.
     *
     * @param from a multiple of 8, as is {@code count}
     */
    static void widen(QuantizedWeight w, long row, long from, int count, MemorySegment y, long iy) {
        int group = w.group();
        MemorySegment codes = w.codes().buffer().memory();
        MemorySegment scales = w.scales().buffer().memory();
        long start = w.codes().offset() + row * w.codes().stride(0);
        long firstScale = w.scales().offset() + row * w.scales().size(1);
        long end = from + count;
        for (long at = from; at < end; ) {
            long next = Math.min(end, (at / group + 1) * group);
            // Whole groups go together where one begins.
            long groups = at % group == 0 ? Math.max(1, (end - at) / group) : 1;
            if (MachineCode.available()) {
                long all = groups > 1 ? groups * group : next - at;
                machine(
                        w.format(),
                        codes,
                        start + w.format().width(at),
                        scales,
                        firstScale + at / group,
                        y,
                        iy + at - from,
                        groups,
                        all);
                at += all;
                continue;
            }
            float scale = Lanes.get(scales, firstScale + at / group);
            if (w.format() == Format.INT8) {
                bytes(codes, start + at, scale, y, iy + at - from, (int) (next - at));
            } else {
                halves(codes, start + at / 2, scale, y, iy + at - from, (int) (next - at));
            }
            at = next;
        }
    }

    /** @param count weights of all these groups, each of which has as many */
    private static void machine(
            Format format,
            MemorySegment q,
            long iq,
            MemorySegment scales,
            long is,
            MemorySegment y,
            long iy,
            long groups,
            long count) {
        MachineCode.widen(format.bits())
                .call(
                        q.asSlice(iq, format.width(count)),
                        scales.asSlice(is << 2, groups << 2),
                        y.asSlice(iy << 2, count << 2),
                        MachineCode.widenConstants(),
                        groups,
                        count / groups / EIGHT);
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
