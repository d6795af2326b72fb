package io.aegis.kernels.cuda;

import io.aegis.kernels.View;

/**
 * The leading dimensions of a batched operation on matrices, brought to two: dimensions of size 1 are left out, and those
 * that every operand steps through as through one are joined.
 *
 * @param inner size of the inner dimension, 1 where there is none
 * @param outer size of the outer one
 * @param innerStrides in elements, one an operand; 0 for a dimension of size 1
 * @param outerStrides as {@code innerStrides}
 */
record Batches(long inner, long outer, long[] innerStrides, long[] outerStrides) {
    private static final int OF_A_GRID = 65535;

    /** Those of operands whose last two dimensions are their matrices; null where two dimensions do not suffice. */
    static Batches of(View... operands) {
        int count = operands.length;
        long[] sizes = {1, 1};
        long[][] strides = new long[2][count];
        int found = 0;
        for (int d = operands[0].rank() - 3; d >= 0; d--) {
            long size = operands[0].size(d);
            if (size == 1) {
                continue;
            }
            boolean joined = found > 0;
            for (int i = 0; joined && i < count; i++) {
                joined = operands[i].stride(d) == sizes[found - 1] * strides[found - 1][i];
            }
            if (joined) {
                sizes[found - 1] *= size;
                continue;
            }
            if (found == 2) {
                return null;
            }
            sizes[found] = size;
            for (int i = 0; i < count; i++) {
                strides[found][i] = operands[i].stride(d);
            }
            found++;
        }
        return new Batches(sizes[0], sizes[1], strides[0], strides[1]);
    }

    long count() {
        return inner * outer;
    }

    /** The same without its inner dimension. */
    Batches withoutInner() {
        return new Batches(outer, 1, outerStrides, new long[outerStrides.length]);
    }

    /** Some of them: {@code inner} by {@code outer}, from these on. */
    interface Piece {
        void run(long firstInner, long firstOuter, long inner, long outer);
    }

    /** In one piece, or in several where there are too many for one dimension of a grid, each taking {@code times} places. */
    void each(long times, Piece piece) {
        long most = Math.max(1, OF_A_GRID / times);
        if (count() <= most) {
            piece.run(0, 0, inner, outer);
            return;
        }
        for (long o = 0; o < outer; o++) {
            for (long i = 0; i < inner; i += most) {
                piece.run(i, o, Math.min(most, inner - i), 1);
            }
        }
    }
}
