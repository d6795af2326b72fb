package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.cpu.MachineProduct.Right;
import io.aegis.kernels.cpu.x86.TileProduct;
import java.lang.foreign.MemorySegment;

/** The matrix product of one thread by machine code: {@link MachineProduct}. */
final class MachineGemm implements Sgemm {
    /** Whether it is faster than OpenBLAS here: the vectors of 512 bits that OpenBLAS uses are not written yet. */
    static boolean suits() {
        return MachineCode.available() && Lanes.F.vectorBitSize() == 256;
    }

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
        if (k == 0 || m == 0 || n == 0) {
            return;
        }
        Operand left = new Operand(a, DType.F32, offsetA, transposeA, lda);
        Right right = Right.of(new Operand(b, DType.F32, offsetB, transposeB, ldb));
        MachineProduct.along(Math.toIntExact(k), (step, depth, first, _) -> {
            int together = MachineProduct.together(TileProduct.ROWS, m, depth);
            for (long i = 0; i < m; i += together) {
                long end = Math.min(m, i + together);
                MachinePanels rows = MachinePanels.in(Scratch.MACHINE_A, TileProduct.ROWS, (int) (end - i), depth)
                        .pack(left.from(i, step), !transposeA);
                Part part = new Part(i, end, 0, n, c, offsetC, ldc);
                MachineProduct.columns(rows, right, step, part, alpha, add || !first);
            }
        });
    }

    @Override
    public String description() {
        return "machine code, AVX2 and FMA";
    }
}
