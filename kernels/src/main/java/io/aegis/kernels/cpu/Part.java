package io.aegis.kernels.cpu;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/** Rows and columns of a product's result that one task computes, in memory with dense rows {@code ldc} apart. */
record Part(long row, long rowEnd, long column, long columnEnd, MemorySegment c, long offset, long ldc) {
    /** All of a matrix, whose element at row and column 0 has this offset. */
    static Part all(long rows, long columns, MemorySegment c, long offset, long ldc) {
        return new Part(0, rows, 0, columns, c, offset, ldc);
    }

    /** All of a matrix of floats with dense rows. */
    static Part all(View x) {
        return all(x.size(0), x.size(1), x.buffer().memory(), x.offset(), Math.max(x.stride(0), x.size(1)));
    }

    /** So many rows of it, from its row {@code from} on. */
    Part rows(long from, long count) {
        return new Part(row + from, row + from + count, column, columnEnd, c, offset, ldc);
    }

    long rows() {
        return rowEnd - row;
    }

    long columns() {
        return columnEnd - column;
    }

    /** Position of the first element. */
    long start() {
        return offset + row * ldc + column;
    }

    void clear() {
        for (long r = 0; r < rows(); r++) {
            c.asSlice((start() + r * ldc) << 2, columns() << 2).fill((byte) 0);
        }
    }

    /** What is fused behind the product. */
    void finish(Epilogue e) {
        if (e.isNothing()) {
            return;
        }
        int n = (int) columns();
        for (long r = 0; r < rows(); r++) {
            long at = start() + r * ldc;
            if (e.bias() != null) {
                addRow(e.bias().buffer().memory(), e.bias().offset() + column, c, at, n);
            }
            if (e.other() == null) {
                activate(e.activation(), at, n);
            } else {
                merge(e, row + r, at, n);
            }
        }
    }

    private void activate(Activation f, long at, int n) {
        if (CpuActivation.covers(f)) {
            CpuActivation.forward(f, c, at, c, at, n);
        } else if (f != Activation.NONE) {
            for (int i = 0; i < n; i++) {
                Lanes.set(c, at + i, (float) f.value(Lanes.get(c, at + i)));
            }
        }
    }

    /** Another matrix, by the loops that a pass of its own would take: the bits are the same. */
    private void merge(Epilogue e, long from, long at, int n) {
        View other = e.other();
        MemorySegment x = other.buffer().memory();
        long ix = other.offset() + from * other.stride(0) + column;
        if (e.activation() == Activation.SILU && e.merge() == Merge.TIMES) {
            GateRows.forward(c, at, x, ix, c, at, n);
            return;
        }
        activate(e.activation(), at, n);
        if (e.merge() == Merge.PLUS) {
            addRow(x, ix, c, at, n);
        } else {
            multiplyRow(x, ix, c, at, n);
        }
    }

    private static void multiplyRow(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i).mul(Lanes.load(y, iy + i)), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Lanes.get(x, ix + i) * Lanes.get(y, iy + i));
        }
    }

    private static void addRow(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i).add(Lanes.load(y, iy + i)), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Lanes.get(x, ix + i) + Lanes.get(y, iy + i));
        }
    }
}
