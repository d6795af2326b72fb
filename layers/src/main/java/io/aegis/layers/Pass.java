package io.aegis.layers;

import io.aegis.tensor.Tensor;

/**
 * How a model is run this time.
 *
 * @param batchStatistics batch norm uses the batch's own statistics, not the running ones
 * @param updateStatistics and adds them to the running ones
 * @param dropout dropout is active
 * @param seed of all randomness
 * @param step which training step this is
 * @param samples the identity of each row of the batch, I64 [B]; randomness follows it, not the row
 * @param counter the step once more, I64 [1], where kernels read it; null without dropout
 */
public record Pass(
        boolean batchStatistics,
        boolean updateStatistics,
        boolean dropout,
        long seed,
        long step,
        Tensor samples,
        Tensor counter) {
    /** Nothing random, nothing updated. */
    public static final Pass EVALUATION = new Pass(false, false, false, 0, 0, null, null);

    /** With a counter in the current scope, where there is dropout. */
    public Pass(
            boolean batchStatistics, boolean updateStatistics, boolean dropout, long seed, long step, Tensor samples) {
        this(
                batchStatistics,
                updateStatistics,
                dropout,
                seed,
                step,
                samples,
                dropout ? Tensor.of(new long[] {step}, 1) : null);
    }

    /** The pass of a training step, in the current scope. */
    public static Pass training(long seed, long step, Tensor samples) {
        return new Pass(true, true, true, seed, step, samples);
    }
}
