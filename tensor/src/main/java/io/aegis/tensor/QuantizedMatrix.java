package io.aegis.tensor;

import io.aegis.kernels.QuantizedWeight;

/**
 * A frozen matrix [N, K] of 8 or 4 bits a weight, for {@link Ops#linear(Tensor, QuantizedMatrix, Tensor)} and {@link
 * Ops#embedding(QuantizedMatrix, Tensor)}.
 *
 * @param codes as {@link QuantizedWeight} has them
 * @param scales F32 [N, K / group]
 */
public record QuantizedMatrix(Tensor codes, Tensor scales) {
    /** Where matrices have names, that of the codes and this is that of the scales. */
    public static final String SCALE = "_scale";

    /** A matrix over memory that somebody else owns and keeps alive, as {@link Tensor#wrap}. */
    public static QuantizedMatrix wrap(QuantizedWeight weight, String name) {
        return new QuantizedMatrix(
                Tensor.wrap(weight.codes(), false).named(name),
                Tensor.wrap(weight.scales(), false).named(name + SCALE));
    }

    /** What kernels read. */
    public QuantizedWeight weight() {
        return new QuantizedWeight(codes.view(), scales.view());
    }
}
