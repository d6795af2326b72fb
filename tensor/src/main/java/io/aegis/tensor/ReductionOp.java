package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** Sums, softmax, what is greatest, and rows brought to length 1. */
sealed interface ReductionOp extends Op {
    /** scale times the sum over some dimensions, which stay with size 1. */
    record Sum(double scale, int... dims) implements ReductionOp {
        @Override
        public void forward(Forward f) {
            long[] shape = f.in(0).shape();
            for (int d : dims) {
                shape[d] = 1;
            }
            f.k().reduction().sum(f.in(0), scale, false, f.out(shape));
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().affine(b.dy().expand(b.shape(0)), scale, 0, b.into(0));
        }
    }

    /** Softmax over the last dimension. */
    record Softmax() implements ReductionOp {
        @Override
        public void forward(Forward f) {
            f.k().reduction().softmax(f.in(0), f.out(f.in(0).shape()));
            f.keepOutput(0);
        }

        @Override
        public void backward(Backward b) {
            b.k().reduction().softmaxBackward(b.kept(0), b.dy(), b.into(0));
        }
    }

    /** Rows (last dimension) divided by their length. */
    record NormalizeRows() implements ReductionOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View lengths = f.temporary(x.dtype(), x.size(-1) == 0 ? 0 : x.elements() / x.size(-1));
            f.k().reduction().normalizeRows(x, f.out(x.shape()), lengths);
            f.keepOutput(0);
            f.keep(lengths);
        }

        @Override
        public void backward(Backward b) {
            b.k().reduction().normalizeRowsBackward(b.kept(0), b.kept(1), b.dy(), b.into(0));
        }
    }

    /** The greatest of each row, [R, M] to [R]. */
    record Greatest() implements ReductionOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            f.require(x.rank() == 2 && x.size(1) > 0, "rows [R, M] of at least one number are expected");
            View index = f.temporary(DType.I64, x.size(0));
            f.k().reduction().greatest(x, f.out(x.size(0)), index);
            f.keep(index);
        }

        @Override
        public void backward(Backward b) {
            b.k().reduction().greatestBackward(b.kept(0), b.dy(), b.into(0));
        }
    }
}
