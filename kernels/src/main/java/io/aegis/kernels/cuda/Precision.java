package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;

/** What matrix products and attention round their float32 operands to; sums are float32 in all of them. */
public enum Precision {
    /** Not at all. */
    F32(DType.F32),
    /** bfloat16, on the matrix units. */
    BF16(DType.BF16),
    /** Half precision, on the matrix units. */
    F16(DType.F16);

    private final DType dtype;

    Precision(DType dtype) {
        this.dtype = dtype;
    }

    public DType dtype() {
        return dtype;
    }
}
