package io.aegis.kernels.cpu;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Matmul.Epilogue;
import java.lang.foreign.MemorySegment;

/** Rows and columns of a product's result that one task computes, in memory with dense rows {@code ldc} apart. */
record Part(long row, long rowEnd, long column, long columnEnd, MemorySegment c, long offset, long ldc) {
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

    /** The part of C (+)= A[:, from..from + depth] B[from..from + depth, :]. */
    void multiply(Sgemm sgemm, Operand a, Operand b, long from, long depth, boolean add) {
        sgemm.multiply(
                a.transposed(),
                b.transposed(),
                rows(),
                columns(),
                depth,
                1,
                a.memory(),
                a.at(row, from),
                a.leading(),
                b.memory(),
                b.at(from, column),
                b.leading(),
                add ? 1 : 0,
                c,
                start(),
                ldc);
    }

    /** What is fused behind the product. */
    void finish(Epilogue e) {
        if (e.bias() == null && e.activation() == Activation.NONE) {
            return;
        }
        int n = (int) columns();
        for (long r = 0; r < rows(); r++) {
            long at = start() + r * ldc;
            if (e.bias() != null) {
                addRow(e.bias().buffer().memory(), e.bias().offset() + column, c, at, n);
            }
            if (CpuActivation.covers(e.activation())) {
                CpuActivation.forward(e.activation(), c, at, c, at, n);
            } else if (e.activation() != Activation.NONE) {
                for (int i = 0; i < n; i++) {
                    Lanes.set(c, at + i, (float) e.activation().value(Lanes.get(c, at + i)));
                }
            }
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
