package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Products of one row, and of a few that do not know of each other: C = A B. Where B is stored by
 * columns (a weight [out, in]) each element is an inner product, and a column that was read serves all rows before the next
 * is read; every row adds in the same order, however many there are. Memory is what limits this: half-precision weights are
 * widened in registers, or in an array that stays in the first-level cache.
 */
final class RowProducts {
    private RowProducts() {}

    /**
     * All rows of a part's columns, overwritten, or added to.
     *
     * @param a float32 [rows, k], rows dense
     * @param b [k, n] stored by columns
     */
    static void columns(Operand a, Operand b, int k, boolean add, Part part) {
        float[] sums = new float[(int) part.rows()];
        for (long j = part.column(); j < part.columnEnd(); j++) {
            long column = b.at(0, j);
            switch (b.dtype()) {
                case F16 -> float16(a, b.memory(), column, k, sums);
                case BF16 -> {
                    for (int r = 0; r < sums.length; r++) {
                        sums[r] = bfloat16(a.memory(), a.at(r, 0), b.memory(), column, k);
                    }
                }
                default -> {
                    for (int r = 0; r < sums.length; r++) {
                        sums[r] = dot(a.memory(), a.at(r, 0), b.memory(), column, k);
                    }
                }
            }
            for (int r = 0; r < sums.length; r++) {
                long at = part.offset() + r * part.ldc() + j;
                Lanes.set(part.c(), at, add ? Lanes.get(part.c(), at) + sums[r] : sums[r]);
            }
        }
    }

    private static void float16(Operand a, MemorySegment b, long column, int k, float[] sums) {
        float[] wide = Widen.array();
        Arrays.fill(sums, 0);
        for (int at = 0; at < k; at += Widen.CHUNK) {
            int n = Math.min(Widen.CHUNK, k - at);
            Widen.float16(b, column + at, wide, n);
            for (int r = 0; r < sums.length; r++) {
                sums[r] += dot(a.memory(), a.at(r, at), wide, n);
            }
        }
    }

    /** The same where B is stored by rows: for each row the sum of those, each times its factor. */
    static void sums(Operand a, Operand b, int k, boolean add, Part part) {
        if (!add) {
            part.clear();
        }
        int n = (int) part.columns();
        MemorySegment wide = b.isHalf() ? Scratch.floats(Scratch.ROW, n) : null;
        for (int l = 0; l < k; l++) {
            long at = b.at(l, part.column());
            MemorySegment row = b.memory();
            if (b.isHalf()) {
                Widen.row(b.dtype(), b.memory(), at, wide, 0, n);
                row = wide;
                at = 0;
            }
            for (int r = 0; r < part.rows(); r++) {
                axpy(Lanes.get(a.memory(), a.at(r, l)), row, at, part.c(), part.start() + r * part.ldc(), n);
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

    /** The same with the second vector in an array. */
    private static float dot(MemorySegment a, long ia, float[] b, int n) {
        FloatVector s0 = Lanes.broadcast(0);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i <= n - 4 * Lanes.N; i += 4 * Lanes.N) {
            s0 = Lanes.load(a, ia + i).fma(load(b, i), s0);
            s1 = Lanes.load(a, ia + i + Lanes.N).fma(load(b, i + Lanes.N), s1);
            s2 = Lanes.load(a, ia + i + 2 * Lanes.N).fma(load(b, i + 2 * Lanes.N), s2);
            s3 = Lanes.load(a, ia + i + 3 * Lanes.N).fma(load(b, i + 3 * Lanes.N), s3);
        }
        for (; i <= n - Lanes.N; i += Lanes.N) {
            s0 = Lanes.load(a, ia + i).fma(load(b, i), s0);
        }
        float sum = Lanes.sum(s0.add(s1).add(s2.add(s3)));
        for (; i < n; i++) {
            sum += Lanes.get(a, ia + i) * b[i];
        }
        return sum;
    }

    /** The same with a bfloat16 vector. */
    private static float bfloat16(MemorySegment a, long ia, MemorySegment b, long ib, int n) {
        FloatVector s0 = Lanes.broadcast(0);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i <= n - 4 * Lanes.N; i += 4 * Lanes.N) {
            s0 = Lanes.load(a, ia + i).fma(Widen.bfloat16(b, ib + i), s0);
            s1 = Lanes.load(a, ia + i + Lanes.N).fma(Widen.bfloat16(b, ib + i + Lanes.N), s1);
            s2 = Lanes.load(a, ia + i + 2 * Lanes.N).fma(Widen.bfloat16(b, ib + i + 2 * Lanes.N), s2);
            s3 = Lanes.load(a, ia + i + 3 * Lanes.N).fma(Widen.bfloat16(b, ib + i + 3 * Lanes.N), s3);
        }
        for (; i <= n - Lanes.N; i += Lanes.N) {
            s0 = Lanes.load(a, ia + i).fma(Widen.bfloat16(b, ib + i), s0);
        }
        float sum = Lanes.sum(s0.add(s1).add(s2.add(s3)));
        for (; i < n; i++) {
            sum += Lanes.get(a, ia + i) * Widen.bfloat16At(b, ib + i);
        }
        return sum;
    }

    private static FloatVector load(float[] x, int i) {
        return FloatVector.fromArray(Lanes.F, x, i);
    }

    private static void axpy(float x, MemorySegment b, long ib, MemorySegment c, long ic, int n) {
        FloatVector by = Lanes.broadcast(x);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(b, ib + i).fma(by, Lanes.load(c, ic + i)), c, ic + i);
        }
        for (; i < n; i++) {
            Lanes.set(c, ic + i, Math.fma(Lanes.get(b, ib + i), x, Lanes.get(c, ic + i)));
        }
    }
}
