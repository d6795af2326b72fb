package io.aegis.kernels.cpu;

/** The matrix product without a native library: {@link PanelProduct}. */
final class VectorGemm implements Gemm {
    @Override
    public void multiply(Operand a, Operand b, float alpha, boolean add, Part c) {
        int depth = Math.toIntExact(a.columns());
        if (depth == 0 && !add) {
            c.clear();
        }
        int most = PackedRows.most(depth);
        for (long i = 0; i < a.rows() && depth > 0; i += most) {
            long rows = Math.min(most, a.rows() - i);
            PackedRows packed = PackedRows.of(a.from(i, 0), (int) rows, depth, alpha);
            PanelProduct.run(packed, b, add, c.rows(i, rows));
        }
    }

    @Override
    public String description() {
        return "Vector API, " + Lanes.F.vectorBitSize() + " bits";
    }
}
