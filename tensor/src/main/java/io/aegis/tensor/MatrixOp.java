package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.List;

/** Products. */
sealed interface MatrixOp extends Op {
    /** a b, leading dimensions as batches: [..., M, K] [..., K, N] to [..., M, N]. */
    record Product() implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View a = f.in(0);
            View b = f.in(1);
            f.require(a.rank() == b.rank() && a.rank() >= 2 && a.size(-1) == b.size(-2), "inner sizes must agree");
            long[] shape = Shapes.withLast(a.shape(), b.size(-1));
            for (int i = 0; i < a.rank() - 2; i++) {
                f.require(a.size(i) == b.size(i), "batch sizes must agree");
            }
            f.k().matmul().multiply(a, b, f.out(shape), Epilogue.NONE);
            f.keepInput(0);
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            if (b.wants(0)) {
                b.k().matmul().multiply(b.dy(), b.kept(1).transpose(-1, -2), b.into(0), Epilogue.NONE);
            }
            right(b);
        }

        @Override
        public void backward(List<Backward> losses) {
            if (losses.getFirst().kept(1).rank() != 2) {
                losses.forEach(this::backward);
                return;
            }
            Stacked.timesMatrix(losses, losses.getFirst().kept(1).transpose(0, 1));
            losses.forEach(Product::right);
        }

        private static void right(Backward b) {
            if (b.wants(1)) {
                b.k().matmul().multiply(b.kept(0).transpose(-1, -2), b.dy(), b.into(1), Epilogue.NONE);
            }
        }
    }

    /**
     * x W^T + bias, as checkpoints store W: x [..., in], W [out, in], bias [out] or absent, y [..., out]. A frozen W may be
     * F16 or BF16 beside a float32 x.
     *
     * @param alone each row bit for bit as if it were the only one
     */
    record Linear(boolean alone) implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View w = f.in(1);
            f.require(w.rank() == 2 && x.size(-1) == w.size(1), "the last size of x must be the last size of W");
            f.require(!f.wants(1) || w.dtype() == x.dtype(), "a weight that is trained must have the dtype of x");
            View y = f.out(Shapes.withLast(x.shape(), w.size(0)));
            View x2 = f.rows(x);
            Epilogue bias = Epilogue.bias(f.optional(2));
            if (alone) {
                f.k().matmul().multiplyRows(x2, w.transpose(0, 1), Shapes.rows(y), bias);
            } else {
                f.k().matmul().multiply(x2, w.transpose(0, 1), Shapes.rows(y), bias);
            }
            // The order of what is kept is fixed; x is dead weight unless W is trained.
            f.keepInput(1);
            if (f.wants(1)) {
                f.keepInput(0);
            }
        }

        @Override
        public void backward(Backward b) {
            if (b.wants(0)) {
                b.k().matmul().multiply(b.rows(b.dy()), b.kept(0), Shapes.rows(b.into(0)), Epilogue.NONE);
            }
            parameters(b);
        }

        @Override
        public void backward(List<Backward> losses) {
            Stacked.timesMatrix(losses, losses.getFirst().kept(0));
            losses.forEach(Linear::parameters);
        }

        private static void parameters(Backward b) {
            View dy = b.wants(1) || b.wants(2) ? b.rows(b.dy()) : null;
            if (b.wants(1)) {
                b.k().matmul().multiply(dy.transpose(0, 1), b.rows(b.kept(1)), b.into(1), Epilogue.NONE);
            }
            if (b.wants(2)) {
                b.k().reduction().sum(dy, 1, false, b.into(2).unsqueeze(0));
            }
        }
    }

    /**
     * {@link Linear} with a frozen weight of 8 or 4 bits: x F32 [..., in] (F64 on the plain kernels), codes and scales as
     * {@link QuantizedWeight} has them, bias [out] or absent, y [..., out].
     *
     * @param alone each row bit for bit as if it were the only one
     */
    record QuantizedLinear(boolean alone) implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            QuantizedWeight w = new QuantizedWeight(f.in(1), f.in(2));
            f.require(x.dtype() == DType.F32 || x.dtype() == DType.F64, "what meets a quantised weight must be F32");
            f.require(x.size(-1) == w.columns(), "the last size of x must be the last size of W, " + w.columns());
            f.require(!f.wants(1) && !f.wants(2), "a quantised weight cannot be trained");
            View y = Shapes.rows(f.out(Shapes.withLast(x.shape(), w.rows())));
            Epilogue bias = Epilogue.bias(f.optional(3));
            if (alone) {
                f.k().quantizedMatmul().multiplyRows(f.rows(x), w, y, bias);
            } else {
                f.k().quantizedMatmul().multiply(f.rows(x), w, y, bias);
            }
            f.keepInput(1);
            f.keepInput(2);
        }

        @Override
        public void backward(Backward b) {
            View dy = b.rows(b.dy());
            if (b.wants(0)) {
                QuantizedWeight w = new QuantizedWeight(b.kept(0), b.kept(1));
                b.k().quantizedMatmul().multiplyTransposed(dy, w, Shapes.rows(b.into(0)), false);
            }
            if (b.wants(3)) {
                b.k().reduction().sum(dy, 1, false, b.into(3).unsqueeze(0));
            }
        }
    }
}
