package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;

/**
 * How the copy engine of compute capability 9.0 sees an array of four dimensions, and the box that one copy brings to shared
 * memory, in the exchanged order of hopper.cuh. Elements outside of the array are zero.
 *
 * @param address of the first element, a multiple of 16
 * @param sizes elements of each dimension, the innermost and contiguous one first; at least 1
 * @param strides elements from one to the next in the three dimensions behind the innermost; multiples of 16 bytes
 * @param box elements of each dimension; the innermost times their size is {@link #rowBytes}: 128, 64 or 32
 */
record TensorMap(long address, DType dtype, long[] sizes, long[] strides, int[] box) {
    static final int RANK = 4;
    /** Bytes of the driver's struct, which begins at a multiple of {@link #ALIGNMENT}. */
    static final int BYTES = 128;

    static final int ALIGNMENT = 64;
    private static final int WIDEST = 128;
    private static final int NARROWEST = 32;
    private static final int GRAIN = 16;

    TensorMap {
        require(address % GRAIN == 0, "an address of a multiple of 16");
        int row = box[0] * dtype.bytes();
        require(
                row >= NARROWEST && row <= WIDEST && Integer.bitCount(row) == 1,
                "a box of rows of 128, 64 or 32 bytes");
        for (int d = 0; d < RANK; d++) {
            require(
                    sizes[d] >= 1 && sizes[d] <= 1L << 32 && box[d] >= 1 && box[d] <= 256,
                    "sizes of 1 or more, boxes up to 256");
            require(d == 0 || strides[d - 1] * dtype.bytes() % GRAIN == 0, "strides of multiples of 16 bytes");
        }
    }

    /** Bytes of a row in shared memory; chunks of 16 bytes are exchanged within it. */
    int rowBytes() {
        return box[0] * dtype.bytes();
    }

    private static void require(boolean condition, String expected) {
        if (!condition) {
            throw new IllegalArgumentException("a map of a tensor needs " + expected);
        }
    }
}
