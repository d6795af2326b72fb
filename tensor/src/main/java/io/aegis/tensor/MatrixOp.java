package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import java.util.Arrays;

/** Products, and attention built from them. */
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
            if (b.wants(1)) {
                b.k().matmul().multiply(b.kept(0).transpose(-1, -2), b.dy(), b.into(1), Epilogue.NONE);
            }
        }
    }

    /** x W^T + bias, as checkpoints store W: x [..., in], W [out, in], bias [out] or absent, y [..., out]. */
    record Linear() implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View w = f.in(1);
            f.require(w.rank() == 2 && x.size(-1) == w.size(1), "the last size of x must be the last size of W");
            View y = f.out(Shapes.withLast(x.shape(), w.size(0)));
            View x2 = rows(x);
            if (x2 == null) {
                View dense = f.temporary(x.dtype(), x.shape());
                f.k().elementwise().copy(x, dense);
                x2 = rows(dense);
            }
            f.k().matmul().multiply(x2, w.transpose(0, 1), rows(y), Epilogue.bias(f.optional(2)));
            // The order of what is kept is fixed; x is dead weight unless W is trained.
            f.keepInput(1);
            if (f.wants(1)) {
                f.keepInput(0);
            }
        }

        @Override
        public void backward(Backward b) {
            View dy = dense(b, b.dy());
            if (b.wants(0)) {
                b.k().matmul().multiply(dy, b.kept(0), rows(b.into(0)), Epilogue.NONE);
            }
            if (b.wants(1)) {
                b.k().matmul().multiply(dy.transpose(0, 1), dense(b, b.kept(1)), b.into(1), Epilogue.NONE);
            }
            if (b.wants(2)) {
                b.k().reduction().sum(dy, 1, false, b.into(2).unsqueeze(0));
            }
        }

        private static View rows(View x) {
            long n = x.size(-1);
            long m = x.rank() == 1 ? 1 : View.count(Arrays.copyOf(x.shape(), x.rank() - 1));
            return x.canReshape(m, n) ? x.reshape(m, n) : null;
        }

        private static View dense(Backward b, View x) {
            View r = rows(x);
            if (r != null) {
                return r;
            }
            View copy = b.temporary(x.dtype(), x.shape());
            b.k().elementwise().copy(x, copy);
            return rows(copy);
        }
    }

    /** Multi-head self-attention over packed rows q|k|v: [B, N, 3D] to [B, N, D], scale 1/sqrt(D / heads). */
    record SelfAttention(int heads) implements MatrixOp {
        @Override
        public void forward(Forward f) {
            View qkv = f.in(0);
            f.require(qkv.rank() == 3 && qkv.size(2) % (3L * heads) == 0, "packed rows must split into heads");
            long d = qkv.size(2) / 3;
            View y = f.out(qkv.size(0), qkv.size(1), d);
            boolean keep = f.wants(0);
            View lse = keep ? f.temporary(lseType(qkv), qkv.size(0), heads, qkv.size(1)) : null;
            f.k().attention().forward(part(qkv, 0), part(qkv, 1), part(qkv, 2), scale(d), split(y), lse);
            if (keep) {
                f.keepInput(0);
                f.keepOutput(0);
                f.keep(lse);
            }
        }

        @Override
        public void backward(Backward b) {
            View qkv = b.kept(0);
            View d = b.into(0);
            b.k().attention()
                    .backward(
                            part(qkv, 0),
                            part(qkv, 1),
                            part(qkv, 2),
                            scale(qkv.size(2) / 3),
                            split(b.kept(1)),
                            b.kept(2),
                            split(b.dy()),
                            part(d, 0),
                            part(d, 1),
                            part(d, 2));
        }

        private static DType lseType(View qkv) {
            return qkv.dtype() == DType.F64 ? DType.F64 : DType.F32;
        }

        private double scale(long d) {
            return 1 / Math.sqrt((double) d / heads);
        }

        /** q, k or v as [B, H, N, D / H]. */
        private View part(View qkv, int which) {
            long d = qkv.size(2) / 3;
            return split(qkv.slice(2, which * d, (which + 1) * d));
        }

        private View split(View x) {
            return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
        }
    }
}
