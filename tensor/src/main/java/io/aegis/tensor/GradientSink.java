package io.aegis.tensor;

/** Receives each gradient as soon as it is complete, in an order that depends on the model. */
@FunctionalInterface
public interface GradientSink {
    /**
     * @param leaf what the gradient belongs to
     * @param gradient valid during the call only, and the callee's to write into
     */
    void accept(Tensor leaf, Tensor gradient);

    /** The same for a pass that carries several losses back. */
    @FunctionalInterface
    interface OfSeveral {
        /**
         * @param leaf what the gradients belong to
         * @param gradients one a loss, valid during the call only, and the callee's to write into; null where the loss does not reach the leaf, or does not
         *     want its gradient
         */
        void accept(Tensor leaf, Tensor[] gradients);
    }
}
