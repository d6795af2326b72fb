package io.aegis.kernels.cpu;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
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

    /** The matrix as it lies, or a dense copy in a slot of scratch memory where neither stride is 1. */
    static Operand of(View x, Elementwise elementwise, int slot) {
        Operand asItLies = of(x);
        return asItLies == null ? dense(x, elementwise, slot) : asItLies;
    }

    /** A copy with dense rows in a slot of scratch memory. */
    static Operand dense(View x, Elementwise elementwise, int slot) {
        MemorySegment copy = Scratch.floats(slot, x.elements());
        elementwise.copy(x, View.of(Buffer.host(copy), DType.F32, x.shape()));
        return new Operand(copy, DType.F32, 0, false, Math.max(1, x.size(1)));
    }

    /**
     * A matrix of which only rows {@code from} to {@code from + depth} and columns {@code column} to {@code column + width}
     * are there, in a panel: placed as if around it there were the rest, which nobody reads.
     */
    static Operand panel(MemorySegment panel, boolean transposed, long from, long column, long depth, long width) {
        long leading = transposed ? depth : width;
        long before = transposed ? column * leading + from : from * leading + column;
        return new Operand(panel, DType.F32, -before, transposed, leading);
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
