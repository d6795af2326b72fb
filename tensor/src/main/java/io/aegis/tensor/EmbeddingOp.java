package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** Rows of a table by number. */
sealed interface EmbeddingOp extends Op {
    /** table [V, D] of any floating dtype, ids I64 of any shape as input 1; y [..., D], F32 unless the table is F64. */
    record Lookup() implements EmbeddingOp {
        @Override
        public void forward(Forward f) {
            View table = f.in(0);
            View ids = f.in(1);
            f.require(table.rank() == 2 && table.dtype().isFloating(), "the table must be [V, D]");
            f.require(ids.dtype() == DType.I64 && ids.isContiguous(), "ids must be I64, row-major");
            boolean wide = table.dtype() == DType.F64;
            f.require(!f.wants(0) || wide || table.dtype() == DType.F32, "a table that is trained must be F32 or F64");
            View flat = ids.reshape(ids.elements());
            for (long i = 0; i < flat.size(0); i++) {
                long id = flat.getLong(i);
                f.require(id >= 0 && id < table.size(0), "no row " + id);
            }
            long[] shape = Shapes.withLast(Shapes.lead(new long[] {0}, ids.rank() + 1), table.size(1));
            System.arraycopy(ids.shape(), 0, shape, 0, ids.rank());
            View y = f.out(wide ? DType.F64 : DType.F32, shape);
            f.k().embedding().lookup(table, flat, y.reshape(flat.size(0), table.size(1)));
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            View ids = b.kept(0);
            b.k().elementwise().scatterAdd(b.rows(b.dy()), ids.reshape(ids.elements()), b.accumulate(0));
        }
    }
}
