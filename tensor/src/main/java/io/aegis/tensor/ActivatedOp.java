package io.aegis.tensor;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;

/**
 * f(x W^T + bias) in one pass: x [..., in], W [out, in], bias [out] or absent, y [..., out]. Never recorded, as {@link RowsOp}: a backward
 * pass needs what went into f.
 */
sealed interface ActivatedOp extends Op {
    @Override
    default void backward(Backward b) {
        throw new UnsupportedOperationException(title() + " is for answering, and no gradient goes through it");
    }

    /** W may be F16 or BF16. */
    record Linear(Activation function) implements ActivatedOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View w = f.in(1);
            f.require(w.rank() == 2 && x.size(-1) == w.size(1), "the last size of x must be the last size of W");
            View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), w.size(0))));
            f.k().matmul().multiply(f.rows(x), w.transpose(0, 1), y, new Epilogue(f.optional(2), function, false));
        }
    }

    /** Behind x the codes and the scales of W. */
    record QuantizedLinear(Activation function) implements ActivatedOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            QuantizedWeight w = MatrixOp.quantized(f, 1);
            View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), w.rows())));
            f.k().quantizedMatmul().multiply(f.rows(x), w, y, new Epilogue(f.optional(3), function, false));
        }
    }
}
