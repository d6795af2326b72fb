package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.Arrays;
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

    /** a_i b_i for pairs of matrices [M, K], [K, N] of one shape, given in turn: [pairs, M, N]. */
    record Products() implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View a = f.in(0);
            View b = f.in(1);
            f.require(a.rank() == 2 && b.rank() == 2 && a.size(1) == b.size(0), "inner sizes must agree");
            int pairs = f.count() / 2;
            View c = f.out(pairs, a.size(0), b.size(1));
            for (int i = 0; i < pairs; i++) {
                f.require(f.in(2 * i).sameShape(a) && f.in(2 * i + 1).sameShape(b), "all must have one shape");
                f.k().matmul().multiply(f.in(2 * i), f.in(2 * i + 1), c.select(0, i), Epilogue.NONE);
            }
            for (int i = 0; i < 2 * pairs; i++) {
                f.keepInput(i);
            }
        }

        @Override
        public void backward(Backward b) {
            for (int i = 0; i < b.count() / 2; i++) {
                View dc = b.dy().select(0, i);
                if (b.wants(2 * i)) {
                    View right = b.kept(2 * i + 1).transpose(0, 1);
                    b.k().matmul().multiply(dc, right, b.into(2 * i), Epilogue.NONE);
                }
                if (b.wants(2 * i + 1)) {
                    View left = b.kept(2 * i).transpose(0, 1);
                    b.k().matmul().multiply(left, dc, b.into(2 * i + 1), Epilogue.NONE);
                }
            }
        }
    }

    /**
     * x W^T + bias + residual, as checkpoints store W: x [..., in], W [out, in], bias [out] or absent, residual as y or absent, y
     * [..., out]. A frozen W may be F16 or BF16 beside a float32 x.
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
            Epilogue behind = Epilogue.plus(f.optional(2), residual(f, 3, y));
            if (alone) {
                f.k().matmul().multiplyRows(x2, w.transpose(0, 1), Shapes.rows(y), behind);
            } else {
                f.k().matmul().multiply(x2, w.transpose(0, 1), Shapes.rows(y), behind);
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
            if (b.wants(3)) {
                b.pass(3, b.dy());
            }
        }
    }

    /** Input i, which is added to y, as rows that lie as those of y do; null when it was not given. */
    private static View residual(Forward f, int i, View y) {
        View r = f.optional(i);
        f.require(r == null || r.sameShape(y) && r.dtype() == y.dtype(), "what is added must be as the result");
        if (r == null || r.isContiguous()) {
            return r == null ? null : Shapes.rows(r);
        }
        View dense = f.temporary(r.dtype(), r.shape());
        f.k().elementwise().copy(r, dense);
        return Shapes.rows(dense);
    }

    /**
     * x W^T + u B^T, a low-rank product beside a full one: x [..., in], W [out, in], u [..., r], B [out, r], y [..., out]. A frozen W
     * may be F16 or BF16 beside a float32 x.
     */
    record Both() implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View w = f.in(1);
            View u = f.in(2);
            View low = f.in(3);
            f.require(w.rank() == 2 && x.size(-1) == w.size(1), "the last size of x must be the last size of W");
            f.require(low.rank() == 2 && u.size(-1) == low.size(1), "the last size of u must be the last size of B");
            f.require(low.size(0) == w.size(0), "B and W must have as many rows");
            f.require(!f.wants(1) || w.dtype() == x.dtype(), "a weight that is trained must have the dtype of x");
            View y = f.out(Shapes.withLast(x.shape(), w.size(0)));
            f.require(
                    Arrays.equals(Shapes.withLast(u.shape(), w.size(0)), y.shape()),
                    "x and u must be of the same rows");
            View rows = Shapes.rows(y);
            View room = f.temporary(y.dtype(), rows.shape());
            f.k().matmul().multiplyBoth(f.rows(x), w.transpose(0, 1), f.rows(u), low.transpose(0, 1), room, rows);
            f.keepInput(1);
            f.keepInput(3);
            f.keepInput(2);
            if (f.wants(1)) {
                f.keepInput(0);
            }
        }

        @Override
        public void backward(Backward b) {
            View dy = b.rows(b.dy());
            if (b.wants(0)) {
                b.k().matmul().multiply(dy, b.kept(0), Shapes.rows(b.into(0)), Epilogue.NONE);
            }
            if (b.wants(1)) {
                b.k().matmul().multiply(dy.transpose(0, 1), b.rows(b.kept(3)), b.into(1), Epilogue.NONE);
            }
            if (b.wants(2)) {
                b.k().matmul().multiply(dy, b.kept(1), Shapes.rows(b.into(2)), Epilogue.NONE);
            }
            if (b.wants(3)) {
                b.k().matmul().multiply(dy.transpose(0, 1), b.rows(b.kept(2)), b.into(3), Epilogue.NONE);
            }
        }
    }

    /**
     * silu(x G^T) (x U^T), the middle of a SwiGLU block: x [..., in], G and U [out, in], y [..., out]. Frozen G and U may be F16 or
     * BF16 beside a float32 x. Where nobody goes back, neither factor is kept.
     */
    record Gated() implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View g = f.in(1);
            View u = f.in(2);
            f.require(g.rank() == 2 && x.size(-1) == g.size(1), "the last size of x must be the last size of G");
            f.require(g.sameShape(u), "gate and what it gates must have one shape");
            boolean trained = f.wants(1) || f.wants(2);
            f.require(
                    !trained || g.dtype() == x.dtype() && u.dtype() == x.dtype(),
                    "a weight that is trained must have the dtype of x");
            View y = f.out(Shapes.withLast(x.shape(), g.size(0)));
            View rows = Shapes.rows(y);
            View x2 = f.rows(x);
            View up = f.temporary(y.dtype(), rows.shape());
            if (!trained && !f.wants(0)) {
                f.k().matmul().multiplyGated(x2, g.transpose(0, 1), u.transpose(0, 1), up, rows);
                return;
            }
            View gate = f.temporary(y.dtype(), rows.shape());
            f.k().matmul()
                    .multiply(
                            x2,
                            List.of(
                                    new Matmul.Right(g.transpose(0, 1), gate, Epilogue.NONE),
                                    new Matmul.Right(u.transpose(0, 1), up, Epilogue.NONE)));
            f.k().stored(gate);
            f.k().stored(up);
            f.k().elementwise().siluGate(gate, up, rows);
            f.keep(gate);
            f.keep(up);
            f.keepInput(1);
            f.keepInput(2);
            if (trained) {
                f.keepInput(0);
            }
        }

        @Override
        public void backward(Backward b) {
            View dy = b.rows(b.dy());
            View dgate = b.temporary(dy.dtype(), dy.shape());
            View dup = b.temporary(dy.dtype(), dy.shape());
            b.k().elementwise().siluGateBackward(b.kept(0), b.kept(1), dy, dgate, dup);
            if (b.wants(0)) {
                View dx = Shapes.rows(b.into(0));
                b.k().matmul().multiply(dgate, b.kept(2), dx, Epilogue.NONE);
                b.k().matmul().multiply(dup, b.kept(3), dx, Epilogue.ACCUMULATE);
            }
            if (b.wants(1)) {
                b.k().matmul().multiply(dgate.transpose(0, 1), b.rows(b.kept(4)), b.into(1), Epilogue.NONE);
            }
            if (b.wants(2)) {
                b.k().matmul().multiply(dup.transpose(0, 1), b.rows(b.kept(4)), b.into(2), Epilogue.NONE);
            }
        }
    }

    /**
     * {@link Linear} with a frozen weight of 8 or 4 bits: x F32 [..., in] (F64 on the plain kernels), codes and scales as
     * {@link QuantizedWeight} has them, bias [out] or absent, residual as y or absent, y [..., out].
     *
     * @param alone each row bit for bit as if it were the only one
     */
    record QuantizedLinear(boolean alone) implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            QuantizedWeight w = quantized(f, 1);
            f.require(!f.wants(1) && !f.wants(2), "a quantised weight cannot be trained");
            View y = f.out(Shapes.withLast(x.shape(), w.rows()));
            Epilogue behind = Epilogue.plus(f.optional(3), residual(f, 4, y));
            if (alone) {
                f.k().quantizedMatmul().multiplyRows(f.rows(x), w, Shapes.rows(y), behind);
            } else {
                f.k().quantizedMatmul().multiply(f.rows(x), w, Shapes.rows(y), behind);
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
            if (b.wants(4)) {
                b.pass(4, b.dy());
            }
        }
    }

    /** The weight of 8 or 4 bits that input 0 is multiplied by: its codes are input i, its scales the next one. */
    static QuantizedWeight quantized(Forward f, int i) {
        View x = f.in(0);
        QuantizedWeight w = new QuantizedWeight(f.in(i), f.in(i + 1));
        f.require(x.dtype() == DType.F32 || x.dtype() == DType.F64, "what meets a quantised weight must be F32");
        f.require(x.size(-1) == w.columns(), "the last size of x must be the last size of W, " + w.columns());
        return w;
    }
}
