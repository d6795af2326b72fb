package io.aegis.tensor;

import java.util.IdentityHashMap;
import java.util.Map;

/** Gradients by the tensor they belong to; they live until this is closed, whatever scope made them. */
public final class Gradients implements AutoCloseable, GradientSink {
    private final Map<Tensor, Tensor> byLeaf = new IdentityHashMap<>();

    /** Takes a share in the gradient's memory. */
    @Override
    public void accept(Tensor leaf, Tensor gradient) {
        gradient.storage().retain();
        byLeaf.put(leaf, Tensor.detached(gradient.storage(), gradient.view()));
    }

    /** The gradient of a leaf, or null when the loss does not depend on it. */
    public Tensor of(Tensor leaf) {
        return byLeaf.get(leaf);
    }

    public int size() {
        return byLeaf.size();
    }

    /** Releases one gradient early. */
    public void drop(Tensor leaf) {
        Tensor gradient = byLeaf.remove(leaf);
        if (gradient != null) {
            gradient.release();
        }
    }

    @Override
    public void close() {
        byLeaf.values().forEach(Tensor::release);
        byLeaf.clear();
    }
}
