package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * A matrix as BLAS wants it: one of the two strides is 1.
 *
 * @param offset of the first element, in elements
 * @param transposed whether columns, not rows, are dense
 * @param leading distance of rows, or of columns when transposed
 */
record Operand(MemorySegment memory, DType dtype, long offset, boolean transposed, long leading) {
    /** The matrix as it lies, or null where neither stride is 1. */
    static Operand of(View x) {
        long rows = x.size(0);
        long columns = x.size(1);
        if ((columns == 1 || x.stride(1) == 1) && (rows == 1 || x.stride(0) >= columns)) {
            long leading = rows == 1 ? Math.max(1, columns) : x.stride(0);
            return new Operand(x.buffer().memory(), x.dtype(), x.offset(), false, leading);
        }
        if ((rows == 1 || x.stride(0) == 1) && (columns == 1 || x.stride(1) >= rows)) {
            long leading = columns == 1 ? Math.max(1, rows) : x.stride(1);
            return new Operand(x.buffer().memory(), x.dtype(), x.offset(), true, leading);
        }
        return null;
    }

    /** Position of one element of the (untransposed) matrix. */
    long at(long row, long column) {
        return offset + (transposed ? column * leading + row : row * leading + column);
    }

    /** What begins at one element. */
    Operand from(long row, long column) {
        return new Operand(memory, dtype, at(row, column), transposed, leading);
    }

    boolean isHalf() {
        return dtype != DType.F32;
    }
}
