package io.aegis.tensor;

/** Receives each gradient as soon as it is complete, in an order that depends on the model. */
@FunctionalInterface
public interface GradientSink {
    /**
     * @param leaf what the gradient belongs to
     * @param gradient valid during the call only
     */
    void accept(Tensor leaf, Tensor gradient);
}
