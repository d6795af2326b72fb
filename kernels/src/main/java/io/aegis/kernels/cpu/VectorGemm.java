package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;

/** The matrix product without a native library: {@link PanelProduct}. */
final class VectorGemm implements Sgemm {
    @Override
    public void multiply(
            boolean transposeA,
            boolean transposeB,
            long m,
            long n,
            long k,
            float alpha,
            MemorySegment a,
            long offsetA,
            long lda,
            MemorySegment b,
            long offsetB,
            long ldb,
            float beta,
            MemorySegment c,
            long offsetC,
            long ldc) {
        boolean add = prepare(beta, m, n, k, c, offsetC, ldc);
        int depth = Math.toIntExact(k);
        PanelProduct.Columns columns = columns(b, offsetB, ldb, transposeB);
        int most = PackedRows.most(k);
        for (long i = 0; i < m && depth > 0; i += most) {
            int rows = (int) Math.min(most, m - i);
            long at = offsetA + (transposeA ? i : i * lda);
            PackedRows packed = PackedRows.of(a, at, lda, transposeA, rows, depth, alpha);
            PanelProduct.run(packed, 0, rows, columns, 0, Math.toIntExact(n), add, c, offsetC + i * ldc, ldc);
        }
    }

    static PanelProduct.Columns columns(MemorySegment b, long offset, long ldb, boolean transposed) {
        return transposed
                ? (l, depth, j, width, to) ->
                        Panels.ofLines(b, offset + j * ldb + l, ldb, depth, width, Tile.COLUMNS, 1, to)
                : (l, depth, j, width, to) ->
                        Panels.ofSteps(b, offset + l * ldb + j, ldb, depth, width, Tile.COLUMNS, 1, to);
    }

    /** C = beta C unless everything that is there is overwritten; whether the product is added to it. */
    private static boolean prepare(float beta, long m, long n, long k, MemorySegment c, long offset, long ldc) {
        if (beta == 0 && k > 0) {
            return false;
        }
        for (long i = 0; i < m && beta != 1; i++) {
            if (beta == 0) {
                c.asSlice((offset + i * ldc) << 2, n << 2).fill((byte) 0);
            } else {
                SoftmaxRows.scale(c, offset + i * ldc, beta, (int) n);
            }
        }
        return true;
    }

    @Override
    public String description() {
        return "Vector API, " + Lanes.F.vectorBitSize() + " bits";
    }
}
