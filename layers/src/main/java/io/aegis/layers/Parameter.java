package io.aegis.layers;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * A named tensor of a model that outlives every scope: a weight, or a buffer such as batch norm's running statistics.
 * It has a shape from the start and memory once {@link Parameters} has filled it. Whoever writes into it calls {@link
 * #changed}, so that a tape that read it refuses to go backward.
 */
public final class Parameter {
    /** What it is for. */
    public enum Kind {
        /** Learned by gradients, unless frozen. */
        WEIGHT,
        /** Kept and saved, but never differentiated. */
        BUFFER
    }

    private final String name;
    private final Kind kind;
    private final DType dtype;
    private final long[] shape;
    private final long[] strides;
    private final Init init;
    private boolean trainable;
    private boolean quantizable;
    private Tensor tensor;
    private QuantizedMatrix quantized;

    Parameter(String name, Kind kind, DType dtype, long[] shape, long[] strides, Init init) {
        this.name = name;
        this.kind = kind;
        this.dtype = dtype;
        this.shape = shape.clone();
        this.strides = strides.clone();
        this.init = init;
        this.trainable = kind == Kind.WEIGHT;
    }

    /** The name in the checkpoint. */
    public String name() {
        return name;
    }

    public Kind kind() {
        return kind;
    }

    /** The dtype it insists on, or null for the model's own. */
    DType dtype() {
        return dtype;
    }

    public long[] shape() {
        return shape.clone();
    }

    /** Strides in memory; convolution weights lie channels last. */
    public long[] strides() {
        return strides.clone();
    }

    Init init() {
        return init;
    }

    public boolean isTrainable() {
        return trainable;
    }

    /** Excludes it from training; to be said before it is filled. */
    public Parameter frozen() {
        trainable = false;
        return this;
    }

    /** Says that whoever reads it also takes a weight of 8 or 4 bits; to be said before it is filled. */
    Parameter quantizable() {
        quantizable = true;
        return this;
    }

    /** Whether it may be loaded with 8 or 4 bits a weight. */
    public boolean isQuantizable() {
        return quantizable;
    }

    /** Whether its values have 8 or 4 bits: then they are {@link #quantized}, not {@link #tensor}. */
    public boolean isQuantized() {
        return quantized != null;
    }

    /**
     * The values, where they have 8 or 4 bits.
     *
     * @throws IllegalStateException when they do not
     */
    public QuantizedMatrix quantized() {
        if (quantized == null) {
            throw new IllegalStateException(name + " is not quantised");
        }
        return quantized;
    }

    /**
     * The values.
     *
     * @throws IllegalStateException before the model was initialised or loaded, or when they are quantised
     */
    public Tensor tensor() {
        if (tensor == null) {
            throw new IllegalStateException(name + (quantized == null ? " has no values yet" : " is quantised"));
        }
        return tensor;
    }

    public View view() {
        return tensor().view();
    }

    /** What its values lie in: itself; or codes and scales, where they have 8 or 4 bits. */
    public List<View> stored() {
        return quantized == null
                ? List.of(view())
                : List.of(quantized.codes().view(), quantized.scales().view());
    }

    /** Says that the values were written in place. */
    public void changed() {
        tensor().changed();
    }

    /** Gives it values that somebody else keeps alive, of its shape and strides. */
    public void bind(View view) {
        tensor = Tensor.wrap(view, trainable).named(name);
    }

    /** As {@link #bind(View)}, values of 8 or 4 bits. */
    public void bind(QuantizedWeight weight) {
        quantized = QuantizedMatrix.wrap(weight, name);
    }

    /** Frees the copy that a device holds, before the memory itself goes. */
    void discardMirror() {
        if (tensor != null) {
            tensor.buffer().discardMirror();
        }
        if (quantized != null) {
            quantized.codes().buffer().discardMirror();
            quantized.scales().buffer().discardMirror();
        }
    }

    @Override
    public String toString() {
        return name + Arrays.toString(shape);
    }
}
