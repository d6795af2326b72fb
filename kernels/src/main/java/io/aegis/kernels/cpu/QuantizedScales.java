package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.N;

import io.aegis.kernels.QuantizedWeight;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Scales of quantised columns as the loops over blocks read them: vectors, each for {@code 2^shift} blocks, so that a block
 * may be part of a group or hold several, whatever the width of a vector.
 *
 * @param memory float32 [columns, groups]
 * @param offset of the first, in elements
 * @param groups of a column
 * @param lanes how many of a vector are of one group
 * @param shift logarithm of the blocks of a group, 0 where a block has more than one
 */
record QuantizedScales(MemorySegment memory, long offset, int groups, int lanes, int shift) {
    /** Of weights of which a word has {@code parts}. */
    static QuantizedScales of(QuantizedWeight w, int parts) {
        int words = w.group() / parts;
        return new QuantizedScales(
                w.scales().buffer().memory(),
                w.scales().offset(),
                Math.toIntExact(w.scales().size(1)),
                Math.min(N, words),
                Integer.numberOfTrailingZeros(Math.max(1, words / N)));
    }

    /** Floats that a column's vectors take. */
    int spread() {
        return groups * lanes;
    }

    /** Those of a few columns, one behind the other, in an array of this thread. */
    float[] spread(long column, int wide, int most) {
        float[] to = Scratch.array(Scratch.SCALES, most * spread() + N);
        float[] from = Scratch.array(Scratch.SCALES + 1, groups);
        for (int c = 0; c < most; c++) {
            // Columns that are missing at the end repeat the last.
            long first = offset + (column + Math.min(c, wide - 1)) * groups;
            Lanes.toArray(memory, first, from, groups);
            int at = c * spread();
            for (int g = 0; g < groups; g++) {
                FloatVector.broadcast(F, from[g]).intoArray(to, at + g * lanes);
            }
        }
        return to;
    }

    float of(long column, int group) {
        return Lanes.get(memory, offset + column * groups + group);
    }
}
