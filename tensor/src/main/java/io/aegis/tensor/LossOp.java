package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** Losses and what leads up to them. */
sealed interface LossOp extends Op {
    /** Softmax cross-entropy, mean over rows: logits [B, C], target I64 [B]. */
    record CrossEntropy() implements LossOp {
        @Override
        public void forward(Forward f) {
            View logits = f.in(0);
            View target = f.in(1);
            f.require(logits.rank() == 2 && target.dtype() == DType.I64, "logits [B, C] and an I64 target [B]");
            f.require(target.elements() == logits.size(0) && logits.size(0) > 0, "one target a row");
            for (long i = 0; i < logits.size(0); i++) {
                long t = target.getLong(i);
                f.require(t >= 0 && t < logits.size(1), "target " + t + " of row " + i + " is no class");
            }
            View p = f.temporary(logits.dtype(), logits.shape());
            f.k().loss().crossEntropy(logits, target, f.out(1), p);
            f.keep(p);
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            b.k().loss().crossEntropyBackward(b.kept(0), b.kept(1), b.dy(), b.into(0));
        }
    }

    /** -||x[i] - p[c]||: x [B, D], p [C, D] (a constant), y [B, C]. */
    record NegativeDistance(boolean zeroAtZero) implements LossOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View p = f.in(1);
            f.require(x.rank() == 2 && p.rank() == 2 && x.size(1) == p.size(1), "rows of one width");
            f.k().loss().negativeDistance(x, p, f.out(x.size(0), p.size(0)));
            f.keepInput(0);
            f.keepInput(1);
            f.keepOutput(0);
        }

        @Override
        public void backward(Backward b) {
            b.k().loss().negativeDistanceBackward(b.kept(0), b.kept(1), b.kept(2), b.dy(), zeroAtZero, b.into(0));
        }
    }

    /** See {@link io.aegis.kernels.MutualInformation}: a, b [B, D], permutations I64 [B]. */
    record MutualInformation() implements LossOp {
        @Override
        public void forward(Forward f) {
            View a = f.in(0);
            View b = f.in(1);
            f.require(a.rank() == 2 && a.sameShape(b), "two batches of tokens of one shape");
            f.require(f.in(2).elements() == a.size(0) && f.in(3).elements() == a.size(0), "permutations of the batch");
            f.k().mutualInformation().forward(a, b, f.in(2), f.in(3), f.out(1));
            for (int i = 0; i < 4; i++) {
                f.keepInput(i);
            }
        }

        @Override
        public void backward(Backward b) {
            b.k().mutualInformation()
                    .backward(b.kept(0), b.kept(1), b.kept(2), b.kept(3), b.dy(), b.into(0), b.into(1));
        }
    }
}
