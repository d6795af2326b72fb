package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.N;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.aegis.kernels.QuantizedWeight;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorShuffle;

/**
 * Scales of quantised columns as the loops over blocks read them, whether a block is part of a group or holds several: a
 * vector is loaded from the first scale of block g on, at {@code (g << up) >> down}, and {@code lanes} hands its scales to
 * the words that they are for.
 *
 * @param memory float32 [columns, groups]
 * @param offset of the first, in elements
 * @param groups of a column
 * @param up logarithm of the groups of a block, where it has several
 * @param down logarithm of the blocks of a group, where it has several
 * @param lanes for each lane of a block's vectors, which of the block's groups it belongs to
 */
record QuantizedScales(MemorySegment memory, long offset, int groups, int up, int down, VectorShuffle<Float> lanes) {
    /** Of weights of which a word has {@code parts}. */
    static QuantizedScales of(QuantizedWeight w, int parts) {
        int words = w.group() / parts;
        return new QuantizedScales(
                w.scales().buffer().memory(),
                w.scales().offset(),
                Math.toIntExact(w.scales().size(1)),
                Integer.numberOfTrailingZeros(Math.max(1, N / words)),
                Integer.numberOfTrailingZeros(Math.max(1, words / N)),
                VectorShuffle.fromOp(Lanes.F, lane -> lane / Math.min(N, words)));
    }

    /** Those of a column in an array of this thread, behind which a vector that begins at the last may end. */
    float[] ofColumn(long column) {
        float[] to = Scratch.array(Scratch.SCALES, groups + N);
        MemorySegment.copy(memory, JAVA_FLOAT_UNALIGNED, (offset + column * groups) << 2, to, 0, groups);
        return to;
    }

    float of(long column, int group) {
        return Lanes.get(memory, offset + column * groups + group);
    }
}
