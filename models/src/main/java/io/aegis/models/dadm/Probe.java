package io.aegis.models.dadm;

import io.aegis.tensor.Tensor;

/** Sees intermediate results on their way, for comparison with a reference; see the names in {@link DadmNetwork}. */
@FunctionalInterface
public interface Probe {
    Probe NONE = (name, value) -> {};

    /** The value is valid during the call only. */
    void see(String name, Tensor value);
}
