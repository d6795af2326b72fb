package io.aegis.kernels.cpu;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * A matrix [rows, columns] as products read it: either its rows or its columns are dense in memory, and are its lines.
 *
 * @param offset of the first element, in elements
 * @param byColumns whether lines are columns, not rows
 * @param leading distance of lines
 */
record Operand(
        MemorySegment memory, DType dtype, long offset, long rows, long columns, boolean byColumns, long leading) {
    /** Elements that a thread rounds at a time. */
    private static final long GRAIN = 1 << 16;

    /** The matrix as it lies, or null where neither stride is 1. */
    static Operand of(View x) {
        long rows = x.size(0);
        long columns = x.size(1);
        if ((columns == 1 || x.stride(1) == 1) && (rows == 1 || x.stride(0) >= columns)) {
            long leading = rows == 1 ? Math.max(1, columns) : x.stride(0);
            return new Operand(x.buffer().memory(), x.dtype(), x.offset(), rows, columns, false, leading);
        }
        if ((rows == 1 || x.stride(0) == 1) && (columns == 1 || x.stride(1) >= rows)) {
            long leading = columns == 1 ? Math.max(1, rows) : x.stride(1);
            return new Operand(x.buffer().memory(), x.dtype(), x.offset(), rows, columns, true, leading);
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
        return floats(copy, 0, x.size(0), x.size(1), Math.max(1, x.size(1)));
    }

    /** Rows of floats. */
    static Operand floats(MemorySegment memory, long offset, long rows, long columns, long leading) {
        return new Operand(memory, DType.F32, offset, rows, columns, false, leading);
    }

    /** The same memory, rows read as columns. */
    Operand transposed() {
        return new Operand(memory, dtype, offset, columns, rows, !byColumns, leading);
    }

    /** So many rows, from one on. */
    Operand rows(long from, long count) {
        return new Operand(memory, dtype, at(from, 0), count, columns, byColumns, leading);
    }

    /** So many columns, from one on. */
    Operand columns(long from, long count) {
        return new Operand(memory, dtype, at(0, from), rows, count, byColumns, leading);
    }

    /** What begins at one element. */
    Operand from(long row, long column) {
        return new Operand(memory, dtype, at(row, column), rows - row, columns - column, byColumns, leading);
    }

    /** Position of one element. */
    long at(long row, long column) {
        return offset + (byColumns ? column * leading + row : row * leading + column);
    }

    long lines() {
        return byColumns ? columns : rows;
    }

    /** Elements of a line. */
    int length() {
        return Math.toIntExact(byColumns ? rows : columns);
    }

    /** A copy rounded to bfloat16, its lines dense, in a slot of this thread's scratch memory. */
    Operand rounded(int slot) {
        Operand copy = roundedAt(slot);
        copy.round(this, 0, lines());
        return copy;
    }

    /** As {@link #rounded}, by all threads. */
    Operand roundedShared(int slot) {
        Operand copy = roundedAt(slot);
        Workers.grains(lines(), Math.max(1, GRAIN / Math.max(1, length())), (from, end) -> copy.round(this, from, end));
        return copy;
    }

    /** Room for {@link #rounded}, not filled yet. */
    Operand roundedAt(int slot) {
        MemorySegment to = Scratch.floats(slot, Math.ceilDiv(lines() * length(), 2));
        return new Operand(to, DType.BF16, 0, rows, columns, byColumns, Math.max(1, length()));
    }

    /** Fills lines {@code from} to {@code end} with those of another operand, rounded to bfloat16. */
    void round(Operand x, long from, long end) {
        for (long i = from; i < end; i++) {
            Narrow.row(x.dtype, x.memory, x.offset + i * x.leading, memory, offset + i * leading, length());
        }
    }

    boolean isHalf() {
        return dtype != DType.F32;
    }
}
