package io.aegis.cli.workload;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import java.util.Locale;

/** How matrices of a model are stored, all else being float32; what products round to is {@link Compute}'s. */
public enum WeightType {
    F32(DType.F32, null, 4),
    F16(DType.F16, null, 2),
    BF16(DType.BF16, null, 2),
    /** A signed byte, and a float32 scale for each group of {@link #GROUP}. */
    INT8(null, QuantizedWeight.Format.INT8, 1 + 4.0 / WeightType.GROUP),
    /** Half a byte, and a float32 scale for each group of {@link #GROUP}. */
    INT4(null, QuantizedWeight.Format.INT4, 0.5 + 4.0 / WeightType.GROUP);

    /** Weights that share a scale. */
    public static final int GROUP = 64;

    private final DType dtype;
    private final QuantizedWeight.Format format;
    private final double bytes;

    WeightType(DType dtype, QuantizedWeight.Format format, double bytes) {
        this.dtype = dtype;
        this.format = format;
        this.bytes = bytes;
    }

    /** The floating dtype; null when quantised. */
    public DType dtype() {
        return dtype;
    }

    /** The quantised format; null when it is a floating dtype. */
    public QuantizedWeight.Format format() {
        return format;
    }

    /** Bytes of a weight, its part of the scale included. */
    public double bytes() {
        return bytes;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
