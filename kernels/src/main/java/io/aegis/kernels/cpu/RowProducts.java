package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Products of one row, and of a few that do not know of each other: C = A B. Where B is stored by columns (a weight [out,
 * in]) each element is an inner product ({@link Columns}). Every element adds in an order of its own, whatever is computed
 * beside it. Memory is what limits this: half-precision weights are widened in registers.
 */
final class RowProducts {
    private RowProducts() {}

    /** Where B [k, n] is stored by columns: the loops for what it is stored in. */
    static Columns columns(Operand b) {
        return switch (b.dtype()) {
            case F16 -> new Float16Columns(b);
            case BF16 -> new Bfloat16Columns(b);
            default -> new Float32Columns(b);
        };
    }

    /** C (+)= A B where B is stored by rows: for each row the sum of those, each times its factor. */
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
