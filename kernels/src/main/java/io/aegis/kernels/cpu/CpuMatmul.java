package io.aegis.kernels.cpu;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Matrix products of floats: cut along the longer side of C, each part a single-threaded {@link Sgemm}, bias and
 * activation while the part is in the cache. A product with a single row reads its matrix once, whoever else is in the
 * batch, and is a loop of its own.
 */
final class CpuMatmul implements Matmul {
    /** Below it a second thread costs more than it gives, in multiply-adds. */
    private static final long GRAIN = 1 << 18;

    /** The first of two slots of scratch memory for operands that BLAS cannot read as they lie. */
    private static final int SLOT = 6;

    private final Matmul plain;
    private final Elementwise elementwise;
    private final Sgemm sgemm;

    CpuMatmul(Matmul plain, Elementwise elementwise, Sgemm sgemm) {
        this.plain = plain;
        this.elementwise = elementwise;
        this.sgemm = sgemm;
    }

    /** A matrix as BLAS wants it: one of the two strides is 1. */
    private record Operand(MemorySegment memory, long offset, boolean transposed, long leading) {
        /** Position of the part that starts at this row and column of the (untransposed) matrix. */
        long at(long row, long column) {
            return offset + (transposed ? column * leading + row : row * leading + column);
        }
    }

    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        boolean floats = a.dtype() == DType.F32 && b.dtype() == DType.F32 && c.dtype() == DType.F32;
        boolean biased = epilogue.bias() != null;
        if (!floats
                || c.size(-1) > 1 && c.stride(-1) != 1
                || biased
                        && (epilogue.bias().dtype() != DType.F32
                                || !epilogue.bias().isContiguous())) {
            plain.multiply(a, b, c, epilogue);
            return;
        }
        if (a.rank() == 2) {
            single(a, b, c, epilogue);
            return;
        }
        for (long i = 0; i < a.size(0); i++) {
            multiply(a.select(0, i), b.select(0, i), c.select(0, i), epilogue);
        }
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        if (a.rank() > 2) {
            for (long i = 0; i < a.size(0); i++) {
                multiplyRows(a.select(0, i), b.select(0, i), c.select(0, i), epilogue);
            }
            return;
        }
        for (long row = 0; row < a.size(0); row++) {
            multiply(a.slice(0, row, row + 1), b, c.slice(0, row, row + 1), epilogue);
        }
    }

    private void single(View a, View b, View c, Epilogue epilogue) {
        long m = c.size(0);
        long n = c.size(1);
        long k = a.size(1);
        if (m == 0 || n == 0) {
            return;
        }
        Operand left = operand(a, SLOT);
        Operand right = operand(b, SLOT + 1);
        MemorySegment out = c.buffer().memory();
        long ldc = m == 1 ? n : c.stride(0);
        float beta = epilogue.accumulate() ? 1 : 0;
        int tasks = (int) Math.min(2L * Workers.count(), Math.max(1, m * n * k / GRAIN));
        if (m == 1) {
            Workers.ranges(n, tasks, Lanes.N, (from, to) -> {
                row(left, right, k, from, to, beta, out, c.offset());
                finish(out, c.offset(), ldc, 0, 1, from, to, epilogue);
            });
        } else if (m >= n) {
            Workers.ranges(m, tasks, 16, (from, to) -> {
                part(left, right, from, to, 0, n, k, beta, out, c.offset(), ldc);
                finish(out, c.offset(), ldc, from, to, 0, n, epilogue);
            });
        } else {
            Workers.ranges(n, tasks, 16, (from, to) -> {
                part(left, right, 0, m, from, to, k, beta, out, c.offset(), ldc);
                finish(out, c.offset(), ldc, 0, m, from, to, epilogue);
            });
        }
    }

    private void part(
            Operand a,
            Operand b,
            long row,
            long rowEnd,
            long column,
            long columnEnd,
            long k,
            float beta,
            MemorySegment c,
            long offset,
            long ldc) {
        if (k == 0) {
            if (beta == 0) {
                for (long r = row; r < rowEnd; r++) {
                    c.asSlice((offset + r * ldc + column) << 2, (columnEnd - column) << 2)
                            .fill((byte) 0);
                }
            }
            return;
        }
        sgemm.multiply(
                a.transposed,
                b.transposed,
                rowEnd - row,
                columnEnd - column,
                k,
                1,
                a.memory,
                a.at(row, 0),
                a.leading,
                b.memory,
                b.at(0, column),
                b.leading,
                beta,
                c,
                offset + row * ldc + column,
                ldc);
    }

    /** One row: a dot product a column where B is stored transposed, else a sum of B's rows. */
    private static void row(
            Operand a, Operand b, long k, long from, long to, float beta, MemorySegment c, long offset) {
        long step = a.transposed ? a.leading : 1;
        if (b.transposed && step == 1) {
            for (long j = from; j < to; j++) {
                float before = beta == 0 ? 0 : Lanes.get(c, offset + j);
                Lanes.set(c, offset + j, before + dot(a.memory, a.offset, b.memory, b.at(0, j), (int) k));
            }
            return;
        }
        if (beta == 0) {
            c.asSlice((offset + from) << 2, (to - from) << 2).fill((byte) 0);
        }
        for (long l = 0; l < k; l++) {
            float x = Lanes.get(a.memory, a.offset + l * step);
            if (b.transposed) {
                for (long j = from; j < to; j++) {
                    Lanes.set(c, offset + j, Lanes.get(c, offset + j) + x * Lanes.get(b.memory, b.at(l, j)));
                }
            } else {
                axpy(x, b.memory, b.at(l, from), c, offset + from, (int) (to - from));
            }
        }
    }

    /** Four sums, so that one addition need not wait for the last. */
    static float dot(MemorySegment a, long ia, MemorySegment b, long ib, int n) {
        FloatVector s0 = Lanes.broadcast(0);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i <= n - 4 * Lanes.N; i += 4 * Lanes.N) {
            s0 = Lanes.load(a, ia + i).fma(Lanes.load(b, ib + i), s0);
            s1 = Lanes.load(a, ia + i + Lanes.N).fma(Lanes.load(b, ib + i + Lanes.N), s1);
            s2 = Lanes.load(a, ia + i + 2 * Lanes.N).fma(Lanes.load(b, ib + i + 2 * Lanes.N), s2);
            s3 = Lanes.load(a, ia + i + 3 * Lanes.N).fma(Lanes.load(b, ib + i + 3 * Lanes.N), s3);
        }
        for (; i <= n - Lanes.N; i += Lanes.N) {
            s0 = Lanes.load(a, ia + i).fma(Lanes.load(b, ib + i), s0);
        }
        float sum = Lanes.sum(s0.add(s1).add(s2.add(s3)));
        for (; i < n; i++) {
            sum += Lanes.get(a, ia + i) * Lanes.get(b, ib + i);
        }
        return sum;
    }

    private static void axpy(float x, MemorySegment b, long ib, MemorySegment c, long ic, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(b, ib + i).fma(Lanes.broadcast(x), Lanes.load(c, ic + i)), c, ic + i);
        }
        for (; i < n; i++) {
            Lanes.set(c, ic + i, Lanes.get(c, ic + i) + x * Lanes.get(b, ib + i));
        }
    }

    private static void finish(
            MemorySegment c, long offset, long ldc, long row, long rowEnd, long column, long columnEnd, Epilogue e) {
        int n = (int) (columnEnd - column);
        for (long r = row; r < rowEnd; r++) {
            long at = offset + r * ldc + column;
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

    /** The matrix as it lies, or a dense copy where neither stride is 1. */
    private Operand operand(View x, int slot) {
        long rows = x.size(0);
        long columns = x.size(1);
        if ((columns == 1 || x.stride(1) == 1) && (rows == 1 || x.stride(0) >= columns)) {
            return new Operand(x.buffer().memory(), x.offset(), false, rows == 1 ? Math.max(1, columns) : x.stride(0));
        }
        if ((rows == 1 || x.stride(0) == 1) && (columns == 1 || x.stride(1) >= rows)) {
            return new Operand(x.buffer().memory(), x.offset(), true, columns == 1 ? Math.max(1, rows) : x.stride(1));
        }
        MemorySegment dense = Scratch.floats(slot, rows * columns);
        elementwise.copy(x, View.of(Buffer.host(dense), DType.F32, rows, columns));
        return new Operand(dense, 0, false, Math.max(1, columns));
    }
}
