package io.aegis.tensor;

import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * Several linears of one x, with the bits of one after the other: where products round x first, it is rounded once. Never recorded, as
 * {@link RowsOp}, which is for rows that must not know of each other.
 */
sealed interface TogetherOp extends Op {
    @Override
    default void backward(Backward b) {
        throw new UnsupportedOperationException(title() + " is for answering, and no gradient goes through it");
    }

    /** x W_i^T + bias_i: behind x each weight [out_i, in], F32, F16 or BF16, and its bias [out_i] or nothing; y_i [..., out_i]. */
    record Linears() implements TogetherOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            List<Matmul.Right> rights = new ArrayList<>();
            for (int i = 1; i < f.count(); i += 2) {
                View w = f.in(i);
                f.require(w.rank() == 2 && x.size(-1) == w.size(1), "the last size of x must be the last size of W");
                View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), w.size(0))));
                rights.add(new Matmul.Right(w.transpose(0, 1), y, Epilogue.bias(f.optional(i + 1))));
            }
            f.k().matmul().multiply(f.rows(x), rights);
        }
    }

    /** As {@link Linears}, of weights of 8 or 4 bits: behind x the codes and the scales of each, and its bias or nothing. */
    record QuantizedLinears() implements TogetherOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            List<QuantizedMatmul.Linear> parts = new ArrayList<>();
            for (int i = 1; i < f.count(); i += 3) {
                QuantizedWeight w = MatrixOp.quantized(f, i);
                View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), w.rows())));
                parts.add(new QuantizedMatmul.Linear(w, y, Epilogue.bias(f.optional(i + 2))));
            }
            f.k().quantizedMatmul().multiply(f.rows(x), parts);
        }
    }
}
