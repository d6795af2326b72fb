package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What of Adam (arXiv 1412.6980) changes from one step to the next. Kernels read it from memory, F64 [{@value #SIZE}]: alpha, 1 -
 * beta1^t, 1 - beta2^t, alpha / (1 - beta1^t), 1 / (1 - beta2^t), and 1 where it applies, else 0. So what was recorded can be launched again for another step; the
 * quotients are there for devices where a division costs.
 *
 * @param learningRate alpha
 * @param correction1 1 - beta1^t, of step t from 1
 * @param correction2 1 - beta2^t
 * @param applies whether the parameter is updated at all: work that is recorded updates what it was recorded with, and a step may
 *     leave some of it alone
 */
public record AdamStep(double learningRate, double correction1, double correction2, boolean applies) {
    /** Numbers of one. */
    public static final int SIZE = 6;

    /** Which of the numbers says whether it applies. */
    public static final int APPLIES = SIZE - 1;

    private static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED;

    /**
     * That of one step.
     *
     * @param learningRate alpha
     * @param step t, from 1
     */
    public static AdamStep of(Optimizer.Adam constants, double learningRate, long step) {
        return new AdamStep(
                learningRate, 1 - Math.pow(constants.beta1(), step), 1 - Math.pow(constants.beta2(), step), true);
    }

    /** The same, but that nothing is updated. */
    public AdamStep idle() {
        return new AdamStep(learningRate, correction1, correction2, false);
    }

    /** Writes it as the {@code index}-th of several that lie one behind the other. */
    public void write(MemorySegment memory, long index) {
        double[] all = {
            learningRate, correction1, correction2, learningRate / correction1, 1 / correction2, applies ? 1 : 0
        };
        MemorySegment.copy(all, 0, memory, F64, index * SIZE * Double.BYTES, SIZE);
    }

    /** In memory of its own, alive as long as {@code arena}. */
    public View in(Arena arena) {
        View v = View.allocate(arena, DType.F64, SIZE);
        write(v.buffer().memory(), 0);
        return v;
    }

    /** As it was written; on the host. */
    public static AdamStep read(View from) {
        MemorySegment memory = from.buffer().reading();
        long at = from.offset() * Double.BYTES;
        return new AdamStep(
                memory.get(F64, at),
                memory.get(F64, at + Double.BYTES),
                memory.get(F64, at + 2L * Double.BYTES),
                memory.get(F64, at + (long) APPLIES * Double.BYTES) != 0);
    }
}
