package io.aegis.kernels;

import java.util.List;

/**
 * One device's way to compute everything: a family of operations a method. A kernel takes its destination and never
 * allocates what it returns; shapes and dtypes are the caller's promise, checked by {@code io.aegis.tensor} and asserted
 * here. Destinations are overwritten unless a parameter says that they are added to, and never overlap a source unless
 * a method allows it. A null view means "not wanted" where a method says so. All methods may be called from any thread.
 * On a GPU a call is queued on the instance's stream and returns at once.
 */
public interface Kernels {
    /** Short name for people: {@code scalar}, {@code cpu}. */
    String name();

    Device device();

    /** Where tensors made for these kernels live; null for ordinary host memory. */
    default Memory memory() {
        return null;
    }

    /**
     * Kernels like these, but for the operands of large products, which are rounded to a narrower type where this machine is
     * faster that way; these themselves where it is not ({@link #choices} says why). Sums are float32, and so is all else.
     *
     * @param operands F32, BF16 or F16
     */
    default Kernels rounding(DType operands) {
        return this;
    }

    /**
     * As {@link #rounding}, and products too small to gain anything are rounded as well: what references that round everything
     * are compared with.
     */
    default Kernels roundingEverything(DType operands) {
        return rounding(operands);
    }

    /** What operands of large products are rounded to: F32, BF16 or F16. */
    default DType operands() {
        return DType.F32;
    }

    Matmul matmul();

    QuantizedMatmul quantizedMatmul();

    Attention attention();

    RotaryEmbedding rotaryEmbedding();

    Normalization normalization();

    Convolution convolution();

    Elementwise elementwise();

    Reduction reduction();

    Embedding embedding();

    Loss loss();

    MutualInformation mutualInformation();

    Optimizer optimizer();

    VisionMasking visionMasking();

    /**
     * Runs work whose kernels stay on the calling thread, with the same bits as on all of them: for callers that run side
     * by side, one a core, where sharing out each small operation costs more than it brings.
     */
    default void alone(Runnable work) {
        work.run();
    }

    /** Waits until everything that was queued is done; on the CPU it is. */
    default void synchronize() {}

    /** Whether {@link #record} can be asked for. */
    default boolean canRecord() {
        return false;
    }

    /**
     * Records what some work queues on this thread, and runs none of it. Sizes, addresses and all numbers that the host hands
     * to kernels are those of now whenever it is launched; only what lies in memory of the device may be another each time. The
     * same work should have run once before, so that nothing is made or loaded while it is recorded. Memory that the work takes
     * is the recording's until it is closed.
     *
     * @throws UnsupportedOperationException unless {@link #canRecord}
     * @throws RuntimeException when the work needs the host: a result of its own, or an operation that the device has not. It
     *     has not run then; what it writes is to be taken as garbage
     */
    default Recording record(Runnable work) {
        throw new UnsupportedOperationException(name() + " records nothing");
    }

    /**
     * Told of every result and gradient that an operation has made, once it is written. Kernels that imitate a narrower
     * memory round it here; for all others it is as it is.
     */
    default void stored(View result) {}

    /** What serves each family here, and why not something faster: one line a family, for {@code aegis doctor}. */
    List<Choice> choices();

    /**
     * How one family is served.
     *
     * @param family the family's name
     * @param implementation what computes it
     * @param reason why this one, or what a faster one would need
     */
    record Choice(String family, String implementation, String reason) {
        /** The family of products whose operands are rounded to bfloat16: {@link Kernels#rounding}. */
        public static final String BFLOAT16 = "matmul in bfloat16";
    }
}
