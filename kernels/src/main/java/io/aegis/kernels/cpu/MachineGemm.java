package io.aegis.kernels.cpu;

import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.cpu.x86.TileProduct;

/** The matrix product by machine code: {@link MachineProduct}. What is not float32 is widened as it is packed. */
final class MachineGemm implements Gemm {
    /** Whether it is faster than OpenBLAS here: the vectors of 512 bits that OpenBLAS uses are not written yet. */
    static boolean suits() {
        return MachineCode.available() && Lanes.F.vectorBitSize() == 256;
    }

    @Override
    public void multiply(Operand a, Operand b, float alpha, boolean add, Part c) {
        long m = a.rows();
        if (a.columns() == 0 && !add) {
            c.clear();
        }
        if (m == 0 || b.columns() == 0) {
            return;
        }
        RightOperand right = RightOperand.of(b);
        MachineProduct.along(Math.toIntExact(a.columns()), (step, depth, first, _) -> {
            int together = MachineProduct.together(TileProduct.ROWS, m, depth);
            for (long i = 0; i < m; i += together) {
                long end = Math.min(m, i + together);
                MachinePanels rows = MachinePanels.in(Scratch.MACHINE_A, TileProduct.ROWS, (int) (end - i), depth)
                        .pack(a.from(i, step), !a.byColumns());
                Part part = new Part(i, end, 0, b.columns(), c.c(), c.start(), c.ldc());
                MachineProduct.columns(rows, right, step, part, alpha, add || !first);
            }
        });
    }

    @Override
    public void multiplyShared(Operand a, RightOperand b, Part c, Epilogue epilogue) {
        if (a.columns() == 0) {
            SharedProduct.run(this, a, b, c, epilogue);
        } else {
            MachineProduct.multiply(a, b, c, epilogue);
        }
    }

    @Override
    public String description() {
        return "machine code, AVX2 and FMA";
    }
}
