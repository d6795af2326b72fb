package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.N;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Scales of quantised columns as the loops over blocks read them: a vector a block, so that a block may be of one group or
 * of several, whatever the width of a vector.
 *
 * @param memory float32 [columns, groups]
 * @param offset of the first, in elements
 * @param groups of a column
 * @param lanes of words that a group's weights fill
 */
record QuantizedScales(MemorySegment memory, long offset, int groups, int lanes) {
    /** The scales of {@code words} words of a column; up to a vector more is written. */
    void spread(long column, int words, float[] to, int at) {
        long first = offset + column * groups;
        int step = Math.min(N, lanes);
        int shift = Integer.numberOfTrailingZeros(lanes);
        for (int l = 0; l < words; l += step) {
            FloatVector.broadcast(F, Lanes.get(memory, first + (l >> shift))).intoArray(to, at + l);
        }
    }

    float of(long column, int group) {
        return Lanes.get(memory, offset + column * groups + group);
    }
}
