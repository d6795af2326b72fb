package io.aegis.tensor;

import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * What a token's rows meet on their way: several weights that share x, each row bit for bit as if it were alone. For answering: they are
 * never recorded, {@link Ops} takes the operations one by one where gradients are wanted.
 */
sealed interface RowsOp extends Op {
    @Override
    default void backward(Backward b) {
        throw new UnsupportedOperationException(title() + " is for answering, and no gradient goes through it");
    }

    /** x W_i^T for each of the weights behind x: x [..., in], W_i [out_i, in], y_i [..., out_i]. They may be F16 or BF16. */
    record Linears() implements RowsOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            List<View> weights = new ArrayList<>();
            List<View> results = new ArrayList<>();
            for (int i = 1; i < f.count(); i++) {
                View w = f.in(i);
                f.require(w.rank() == 2 && x.size(-1) == w.size(1), "the last size of x must be the last size of W");
                weights.add(w.transpose(0, 1));
                results.add(Shapes.rows(f.out(Shapes.withLast(x.shape(), w.size(0)))));
            }
            f.k().matmul().multiplyRows(f.rows(x), weights, results);
        }
    }

    /** As {@link Linears}, of weights of 8 or 4 bits: behind x the codes and the scales of each. */
    record QuantizedLinears() implements RowsOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            List<QuantizedMatmul.Linear> parts = new ArrayList<>();
            for (int i = 1; i < f.count(); i += 2) {
                QuantizedWeight w = MatrixOp.quantized(f, i);
                View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), w.rows())));
                parts.add(new QuantizedMatmul.Linear(w, y, Epilogue.NONE));
            }
            f.k().quantizedMatmul().multiplyRows(f.rows(x), parts);
        }
    }

    /** silu(x G^T) (x U^T): x [..., in], G and U [out, in], y [..., out]. */
    record Gated() implements RowsOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View g = f.in(1);
            View u = f.in(2);
            f.require(g.rank() == 2 && x.size(-1) == g.size(1), "the last size of x must be the last size of G");
            f.require(g.sameShape(u), "gate and what it gates must have one shape");
            View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), g.size(0))));
            View room = f.temporary(y.dtype(), y.shape());
            f.k().matmul().multiplyRowsGated(f.rows(x), g.transpose(0, 1), u.transpose(0, 1), room, y);
        }
    }

    /** As {@link Gated}, of weights of 8 or 4 bits: codes and scales of G, codes and scales of U. */
    record QuantizedGated() implements RowsOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            QuantizedWeight g = MatrixOp.quantized(f, 1);
            QuantizedWeight u = MatrixOp.quantized(f, 3);
            f.require(g.rows() == u.rows(), "gate and what it gates must have one shape");
            View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), g.rows())));
            View room = f.temporary(y.dtype(), y.shape());
            f.k().quantizedMatmul().multiplyRowsGated(f.rows(x), g, u, room, y);
        }
    }
}
