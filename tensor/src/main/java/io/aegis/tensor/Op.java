package io.aegis.tensor;

import java.util.List;

/**
 * One differentiable operation: what it computes, what it keeps, and how it is undone, side by side. Attributes are
 * components of the record; tensors come through the contexts. The tables are the permitted interfaces.
 */
sealed interface Op
        permits ShapeOp,
                PointwiseOp,
                ReductionOp,
                MatrixOp,
                RowsOp,
                TogetherOp,
                ActivatedOp,
                AttentionOp,
                NormOp,
                EmbeddingOp,
                ConvolutionOp,
                StageOp,
                LossOp,
                CheckpointOp {
    /** Checks shapes, makes outputs, computes them, and says what backward will need. */
    void forward(Forward f);

    /** Computes the gradient of each input that {@link Backward#wants}. */
    void backward(Backward b);

    /** As {@link #backward(Backward)} for several losses at once: whoever can share work among them overrides it. */
    default void backward(List<Backward> losses) {
        losses.forEach(this::backward);
    }

    /** For messages. */
    default String title() {
        return getClass().getSimpleName();
    }
}
