package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;

/**
 * One side of a matrix product on the device: a matrix a batch, along the dimension K that is summed over and across it (M
 * or N). Strides are in elements; that of a dimension of size 1 is 0.
 */
record Operand(
        long address,
        DType dtype,
        long across,
        long along,
        long acrossStride,
        long alongStride,
        long innerStride,
        long outerStride) {
    private static final int ALIGNMENT = 16;
    /** Kernels step through a few rows in 32 bits. */
    private static final long FARTHEST_ROW = 1 << 25;

    Operand {
        acrossStride = across == 1 ? 0 : acrossStride;
        alongStride = along == 1 ? 0 : alongStride;
    }

    /** Whether neighbours along K lie side by side. */
    boolean isAlongK() {
        return along == 1 ? acrossStride != 1 : alongStride == 1;
    }

    /** Whether neighbours across K lie side by side, and not those along it. */
    private boolean isAcrossK() {
        return !isAlongK() && (across == 1 || acrossStride == 1);
    }

    /** Distance of rows: of whatever lies side by side. */
    long leading() {
        return isAlongK() ? acrossStride : alongStride;
    }

    /** Whether kernels can read it where it lies: dense rows that all begin at a multiple of 16 bytes. */
    boolean isReadable() {
        return (isAlongK() || isAcrossK())
                && address % ALIGNMENT == 0
                && leading() < FARTHEST_ROW
                && isMultiple(leading())
                && isMultiple(innerStride)
                && isMultiple(outerStride);
    }

    /** Whether its rows are a multiple of so many elements long. */
    boolean isWhole(int elements) {
        return (isAlongK() ? along : across) % elements == 0;
    }

    private boolean isMultiple(long stride) {
        return stride * dtype.bytes() % ALIGNMENT == 0;
    }

    /** Address of one of the batch. */
    long at(long inner, long outer) {
        return address + (inner * innerStride + outer * outerStride) * dtype.bytes();
    }
}
