package io.aegis.layers;

import io.aegis.kernels.Activation;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.stream.Stream;

/** y = x W^T + b, over the last dimension. A frozen W may have been loaded with 8 or 4 bits a weight. */
public final class Linear {
    private final Parameter weight;
    private final Parameter bias;

    /** PyTorch's default initialisation. */
    public Linear(Parameters p, long in, long out, boolean bias) {
        this(p, in, out, Init.fanIn(in), bias ? Init.fanIn(in) : null);
    }

    /** Declares {@code weight} [out, in] and, unless its initialisation is null, {@code bias} [out]. */
    public Linear(Parameters p, long in, long out, Init weight, Init bias) {
        this.weight = p.weight("weight", weight, out, in).quantizable();
        this.bias = bias == null ? null : p.weight("bias", bias, out);
    }

    /** Excludes weight and bias from training. */
    public Linear frozen() {
        weight.frozen();
        if (bias != null) {
            bias.frozen();
        }
        return this;
    }

    public Parameter weight() {
        return weight;
    }

    /** [out], or null. */
    public Parameter bias() {
        return bias;
    }

    /** x [..., in] to [..., out]. */
    public Tensor of(Tensor x) {
        return of(x, null);
    }

    /**
     * x W^T + b + residual, in one pass.
     *
     * @param residual [..., out], or null
     */
    public Tensor of(Tensor x, Tensor residual) {
        return weight.isQuantized()
                ? Ops.linear(x, weight.quantized(), offset(), residual)
                : Ops.linear(x, weight.tensor(), offset(), residual);
    }

    /** What each gives of the same x, the bits of one after the other: in one step where all are matrices of one kind. */
    public static Tensor[] together(Tensor x, Linear... all) {
        if (Stream.of(all).noneMatch(l -> l.weight.isQuantized())) {
            return Ops.linears(
                    x,
                    Stream.of(all)
                            .map(l -> new Ops.Weights(l.weight.tensor(), l.offset()))
                            .toArray(Ops.Weights[]::new));
        }
        if (Stream.of(all).allMatch(l -> l.weight.isQuantized())) {
            return Ops.linears(
                    x,
                    Stream.of(all)
                            .map(l -> new Ops.QuantizedWeights(l.weight.quantized(), l.offset()))
                            .toArray(Ops.QuantizedWeights[]::new));
        }
        return Stream.of(all).map(l -> l.of(x)).toArray(Tensor[]::new);
    }

    private Tensor offset() {
        return bias == null ? null : bias.tensor();
    }

    /** f(x W^T + b), in one pass where no gradient is wanted. */
    public Tensor activated(Tensor x, Activation f) {
        return weight.isQuantized()
                ? Ops.linearActivated(x, weight.quantized(), offset(), f)
                : Ops.linearActivated(x, weight.tensor(), offset(), f);
    }

    /** As {@link #of(Tensor)}, each row bit for bit as if it were the only one. */
    public Tensor ofRows(Tensor x) {
        return ofRows(x, null);
    }

    /** As {@link #of(Tensor, Tensor)}, each row bit for bit as if it were the only one. */
    public Tensor ofRows(Tensor x, Tensor residual) {
        return weight.isQuantized()
                ? Ops.linearRows(x, weight.quantized(), offset(), residual)
                : Ops.linearRows(x, weight.tensor(), offset(), residual);
    }
}
