package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
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
        boolean add = Sgemm.prepare(beta, m, n, k, c, offsetC, ldc);
        int depth = Math.toIntExact(k);
        Operand left = new Operand(a, DType.F32, offsetA, transposeA, lda);
        Operand right = new Operand(b, DType.F32, offsetB, transposeB, ldb);
        int most = PackedRows.most(k);
        for (long i = 0; i < m && depth > 0; i += most) {
            PackedRows packed = PackedRows.of(left.from(i, 0), (int) Math.min(most, m - i), depth, alpha);
            PanelProduct.run(packed, right, Math.toIntExact(n), add, c, offsetC + i * ldc, ldc);
        }
    }

    @Override
    public String description() {
        return "Vector API, " + Lanes.F.vectorBitSize() + " bits";
    }
}
