package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Products of one row, and of a few that do not know of each other: C = A B. Where B is stored by columns (a weight [out,
 * in]) each element is an inner product; four columns are read side by side, which keeps more of memory busy than one after
 * the other, and serve all rows before the next four. Every element adds in an order of its own, whatever is computed
 * beside it. Memory is what limits this: half-precision weights are widened in registers.
 */
final class RowProducts {
    /** Columns that are read side by side. */
    private static final int COLUMNS = 4;

    private RowProducts() {}

    /**
     * All rows of a part's columns, overwritten, or added to.
     *
     * @param a float32 [rows, k], rows dense
     * @param b [k, n] stored by columns
     */
    static void columns(Operand a, Operand b, int k, boolean add, Part part) {
        int rows = (int) part.rows();
        float[] sums = new float[COLUMNS];
        Float16Columns halves = b.dtype() == DType.F16 ? new Float16Columns(a, rows, k) : null;
        for (long j = part.column(); j < part.columnEnd(); j += COLUMNS) {
            int wide = (int) Math.min(COLUMNS, part.columnEnd() - j);
            // Columns that are missing at the end repeat the last, and are not stored.
            long i0 = b.at(0, j);
            long i1 = b.at(0, j + Math.min(1, wide - 1));
            long i2 = b.at(0, j + Math.min(2, wide - 1));
            long i3 = b.at(0, j + Math.min(3, wide - 1));
            for (int r = 0; r < rows; r++) {
                switch (b.dtype()) {
                    case F16 -> halves.multiply(r, b.memory(), i0, i1, i2, i3, sums);
                    case BF16 -> bfloat16(a.memory(), a.at(r, 0), b.memory(), i0, i1, i2, i3, k, sums);
                    default -> float32(a.memory(), a.at(r, 0), b.memory(), i0, i1, i2, i3, k, sums);
                }
                for (int c = 0; c < wide; c++) {
                    long at = part.offset() + r * part.ldc() + j + c;
                    Lanes.set(part.c(), at, add ? Lanes.get(part.c(), at) + sums[c] : sums[c]);
                }
            }
        }
    }

    private static void float32(
            MemorySegment x, long ix, MemorySegment w, long i0, long i1, long i2, long i3, int n, float[] sums) {
        FloatVector s0 = Lanes.broadcast(0);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector v = Lanes.load(x, ix + i);
            s0 = v.fma(Lanes.load(w, i0 + i), s0);
            s1 = v.fma(Lanes.load(w, i1 + i), s1);
            s2 = v.fma(Lanes.load(w, i2 + i), s2);
            s3 = v.fma(Lanes.load(w, i3 + i), s3);
        }
        store(s0, s1, s2, s3, sums);
        for (; i < n; i++) {
            float v = Lanes.get(x, ix + i);
            sums[0] += v * Lanes.get(w, i0 + i);
            sums[1] += v * Lanes.get(w, i1 + i);
            sums[2] += v * Lanes.get(w, i2 + i);
            sums[3] += v * Lanes.get(w, i3 + i);
        }
    }

    private static void bfloat16(
            MemorySegment x, long ix, MemorySegment w, long i0, long i1, long i2, long i3, int n, float[] sums) {
        FloatVector s0 = Lanes.broadcast(0);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector v = Lanes.load(x, ix + i);
            s0 = v.fma(Widen.bfloat16(w, i0 + i), s0);
            s1 = v.fma(Widen.bfloat16(w, i1 + i), s1);
            s2 = v.fma(Widen.bfloat16(w, i2 + i), s2);
            s3 = v.fma(Widen.bfloat16(w, i3 + i), s3);
        }
        store(s0, s1, s2, s3, sums);
        for (; i < n; i++) {
            float v = Lanes.get(x, ix + i);
            sums[0] += v * Widen.bfloat16At(w, i0 + i);
            sums[1] += v * Widen.bfloat16At(w, i1 + i);
            sums[2] += v * Widen.bfloat16At(w, i2 + i);
            sums[3] += v * Widen.bfloat16At(w, i3 + i);
        }
    }

    private static void store(FloatVector s0, FloatVector s1, FloatVector s2, FloatVector s3, float[] sums) {
        sums[0] = Lanes.sum(s0);
        sums[1] = Lanes.sum(s1);
        sums[2] = Lanes.sum(s2);
        sums[3] = Lanes.sum(s3);
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

    /** The inner product of two rows of floats; four sums, so that one addition need not wait for the last. */
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
