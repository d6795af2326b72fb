package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/**
 * A view [..., D] as a sequence of rows of D, the struct RowsOf of rows.cuh: row r begins at {@code (r /
 * within) outer + (r % within) inner}, and its elements lie {@code step} apart, all in elements.
 */
record Rows(View view, long outer, long inner, long within, long step) {
    /** What 32-bit row numbers reach, with room for a stride of the grid. */
    private static final long MOST = 1 << 30;

    private static final int WORD = 16;

    /** Of float32. */
    static Rows of(View v) {
        return of(v, DType.F32);
    }

    /** Null for another dtype, or when the leading dimensions are no such pattern. */
    static Rows of(View v, DType dtype) {
        int width = v.rank() - 1;
        if (v.dtype() != dtype || v.elements() >= MOST * Math.max(1, v.size(width)) || v.size(width) >= MOST) {
            return null;
        }
        long[] size = {1, 1};
        long[] stride = {0, 0};
        int used = 0; // dimensions of the pattern so far, from the innermost
        for (int d = width - 1; d >= 0; d--) {
            if (v.size(d) == 1) {
                continue;
            }
            if (used > 0 && v.stride(d) == stride[used - 1] * size[used - 1]) {
                size[used - 1] *= v.size(d);
            } else if (used < 2) {
                size[used] = v.size(d);
                stride[used++] = v.stride(d);
            } else {
                return null;
            }
        }
        return new Rows(v, stride[1], stride[0], size[0], v.size(width) == 1 ? 1 : v.stride(width));
    }

    /** Whether every row at this address consists of 16-byte words. */
    boolean isWide(long address) {
        int word = WORD / view.dtype().bytes();
        boolean whole = view.size(-1) % word == 0 && outer % word == 0 && inner % word == 0;
        return step == 1 && whole && address % WORD == 0;
    }

    Arguments pack(Arguments to, long address) {
        return to.pointer(address).i64(outer).i64(inner).i64(step).divisor(within);
    }
}
