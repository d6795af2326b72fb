package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.Arrays;

/** Rows of a table by number. */
sealed interface EmbeddingOp extends Op {
    /** table [V, D] of any floating dtype, ids I64 of any shape as input 1; y [..., D], F32 unless the table is F64. */
    record Lookup() implements EmbeddingOp {
        @Override
        public void forward(Forward f) {
            View table = f.in(0);
            View ids = f.in(1);
            f.require(table.rank() == 2 && table.dtype().isFloating(), "the table must be [V, D]");
            boolean wide = table.dtype() == DType.F64;
            f.require(!f.wants(0) || wide || table.dtype() == DType.F32, "a table that is trained must be F32 or F64");
            View flat = flat(f, ids, table.size(0));
            View y = f.out(wide ? DType.F64 : DType.F32, shape(ids, table.size(1)));
            f.k().embedding().lookup(table, flat, y.reshape(flat.size(0), table.size(1)));
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            View ids = b.kept(0);
            b.k().elementwise().scatterAdd(b.rows(b.dy()), ids.reshape(ids.elements()), b.accumulate(0));
        }
    }

    /** {@link Lookup} in a frozen table of 8 or 4 bits: codes, scales, ids; y F32 [..., D]. */
    record QuantizedLookup() implements EmbeddingOp {
        @Override
        public void forward(Forward f) {
            QuantizedWeight table = new QuantizedWeight(f.in(0), f.in(1));
            View ids = f.in(2);
            View flat = flat(f, ids, table.rows());
            View y = f.out(DType.F32, shape(ids, table.columns())).reshape(flat.size(0), table.columns());
            f.k().quantizedMatmul().lookup(table, flat, y);
        }

        @Override
        public void backward(Backward b) {
            throw new IllegalStateException("a quantised table has no gradient");
        }
    }

    /** The ids in a row, each of which must be one of {@code rows}. */
    private static View flat(Forward f, View ids, long rows) {
        f.require(ids.dtype() == DType.I64 && ids.isContiguous(), "ids must be I64, row-major");
        View flat = ids.reshape(ids.elements());
        for (long i = 0; i < flat.size(0); i++) {
            long id = flat.getLong(i);
            f.require(id >= 0 && id < rows, "no row " + id);
        }
        return flat;
    }

    private static long[] shape(View ids, long width) {
        long[] shape = Arrays.copyOf(ids.shape(), ids.rank() + 1);
        shape[ids.rank()] = width;
        return shape;
    }
}
