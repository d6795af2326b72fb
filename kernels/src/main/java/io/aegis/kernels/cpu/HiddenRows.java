package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Rows of keys, values or queries that somebody in a block of attention does not see. A product over the block multiplies them by 0, and 0
 * times what is not finite is not 0: whoever meets such rows has to leave them out.
 */
final class HiddenRows {
    private HiddenRows() {}

    /** Whether rows {@code from} to {@code to} of x [N, D] hold neither infinity nor NaN. */
    static boolean areFinite(View x, long from, long to) {
        MemorySegment memory = x.buffer().memory();
        int d = (int) x.size(1);
        FloatVector zeros = Lanes.ZERO;
        float rest = 0;
        for (long r = from; r < to; r++) {
            long at = x.index(r);
            int i = 0;
            for (; i < Lanes.bound(d); i += Lanes.N) {
                zeros = Lanes.load(memory, at + i).fma(Lanes.ZERO, zeros);
            }
            for (; i < d; i++) {
                rest += 0 * Lanes.get(memory, at + i);
            }
        }
        return Lanes.sum(zeros) + rest == 0;
    }

    /** Rows of x [N, D] from one on, of which some are hidden: as they lie, or if a hidden one is not finite a copy where those are 0. */
    static View cleared(View x, long from, int rows, int[] hidden) {
        View part = x.slice(0, from, from + rows);
        for (int j : hidden) {
            if (!areFinite(part, j, j + 1L)) {
                return copy(part, hidden);
            }
        }
        return part;
    }

    private static View copy(View x, int[] hidden) {
        int d = (int) x.size(1);
        View y = View.allocate(Arena.ofAuto(), x.dtype(), x.size(0), d);
        for (long r = 0; r < x.size(0); r++) {
            MemorySegment.copy(
                    x.buffer().memory(),
                    x.index(r) * Float.BYTES,
                    y.buffer().memory(),
                    y.index(r) * Float.BYTES,
                    (long) d * Float.BYTES);
        }
        for (int j : hidden) {
            SoftmaxRows.clear(y.buffer().memory(), y.index(j), d);
        }
        return y;
    }
}
