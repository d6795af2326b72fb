package io.aegis.tensor;

/**
 * One differentiable operation: what it computes, what it keeps, and how it is undone, side by side. Attributes are
 * components of the record; tensors come through the contexts. The tables are the permitted interfaces.
 */
sealed interface Op
        permits ShapeOp,
                PointwiseOp,
                ReductionOp,
                MatrixOp,
                AttentionOp,
                NormOp,
                EmbeddingOp,
                ConvolutionOp,
                LossOp,
                CheckpointOp {
    /** Checks shapes, makes outputs, computes them, and says what backward will need. */
    void forward(Forward f);

    /** Computes the gradient of each input that {@link Backward#wants}. */
    void backward(Backward b);

    /** For messages. */
    default String title() {
        return getClass().getSimpleName();
    }
}
