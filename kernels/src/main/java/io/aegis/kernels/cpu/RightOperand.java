package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import java.lang.foreign.MemorySegment;

/** The right operand [k, n] of a product that threads share: multiplied as it lies, or read line by line into panels. */
sealed interface RightOperand {
    /** Of the type that the product takes. */
    record AsItLies(Operand operand) implements RightOperand {}

    /** Of another type, which a panel's copy no longer is. */
    record Read(Lines lines, DType to, boolean byColumns) implements RightOperand {
        /** The rows from one on and the columns from another, as an operand in this memory. */
        Operand panel(long row, int rows, long column, int columns, MemorySegment memory) {
            int length = byColumns ? rows : columns;
            int count = byColumns ? columns : rows;
            for (int i = 0; i < count; i++) {
                if (byColumns) {
                    lines.read(column + i, row, length, memory, (long) i * length);
                } else {
                    lines.read(row + i, column, length, memory, (long) i * length);
                }
            }
            return new Operand(memory, to, 0, rows, columns, byColumns, length);
        }
    }

    /** Stored rows, or columns, of numbers that have to be converted. */
    @FunctionalInterface
    interface Lines {
        /** Elements {@code from} to {@code from + count} of a line; {@code at} counts elements of the new type. */
        void read(long line, long from, int count, MemorySegment to, long at);
    }

    /** For products of floats: what has 16 bits is widened. */
    static RightOperand of(Operand b) {
        return b.isHalf()
                ? new Read(
                        (line, from, count, to, at) ->
                                Widen.row(b.dtype(), b.memory(), b.offset() + line * b.leading() + from, to, at, count),
                        DType.F32,
                        b.byColumns())
                : new AsItLies(b);
    }

    /** For products of bfloat16: what has another type is rounded. */
    static RightOperand rounded(Operand b) {
        return b.dtype() == DType.BF16
                ? new AsItLies(b)
                : new Read(
                        (line, from, count, to, at) -> Narrow.row(
                                b.dtype(), b.memory(), b.offset() + line * b.leading() + from, to, at, count),
                        DType.BF16,
                        b.byColumns());
    }

    /**
     * For products of floats: a weight [out, in] of few bits, widened.
     *
     * @param transposed whether the operand is its transpose [in, out]
     */
    static RightOperand of(QuantizedWeight w, boolean transposed) {
        return new Read(
                (line, from, count, to, at) -> QuantizedRows.widen(w, line, from, count, to, at),
                DType.F32,
                transposed);
    }

    /**
     * For products of bfloat16: a weight [out, in] of few bits, each scale times code rounded to a float and then to bfloat16. The codes themselves
     * would be exact in bfloat16, but their scales change every few steps of the depth, and sums would have to end there.
     *
     * @param transposed whether the operand is its transpose [in, out]
     */
    static RightOperand rounded(QuantizedWeight w, boolean transposed) {
        return new Read(
                (line, from, count, to, at) -> QuantizedRows.round(w, line, from, count, to, at),
                DType.BF16,
                transposed);
    }
}
