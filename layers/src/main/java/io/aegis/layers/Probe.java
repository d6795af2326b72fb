package io.aegis.layers;

import io.aegis.tensor.Tensor;

/** Sees intermediate results on their way, for comparison with a reference; each network documents its names. */
@FunctionalInterface
public interface Probe {
    Probe NONE = (name, value) -> {};

    /** The value is valid during the call only. */
    void see(String name, Tensor value);
}
