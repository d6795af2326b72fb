package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

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

    /** Softmax cross-entropy of the rows that take part, over a given number: logits [B, C], target I64 [B], which the host does not read. */
    record CrossEntropyOfSome(long over) implements LossOp {
        @Override
        public void forward(Forward f) {
            View logits = f.in(0);
            View target = f.in(1);
            f.require(logits.rank() == 2 && target.dtype() == DType.I64, "logits [B, C] and an I64 target [B]");
            f.require(target.elements() == logits.size(0) && logits.size(0) > 0, "one target a row");
            f.require(over > 0, "a sum over " + over);
            View p = f.temporary(logits.dtype(), logits.shape());
            f.k().loss().crossEntropyOfSome(logits, target, over, f.out(1), p);
            f.keep(p);
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            b.k().loss().crossEntropyOfSomeBackward(b.kept(0), b.kept(1), over, b.dy(), b.into(0));
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

    /** See {@link Loss#angles}: features [B, D] each, then live and domain, I64 [B]. */
    record Angles(int domains, double tauLive, double tauAttack) implements LossOp {
        @Override
        public void forward(Forward f) {
            int modalities = f.count() - 2;
            View first = f.in(0);
            List<View> inputs = new ArrayList<>();
            for (int i = 0; i < f.count(); i++) {
                boolean alike = i >= modalities
                        ? f.in(i).dtype() == DType.I64
                                && f.in(i).rank() == 1
                                && f.in(i).size(0) == first.size(0)
                        : f.in(i).sameShape(first) && f.in(i).dtype() == first.dtype();
                f.require(first.rank() == 2 && alike, "features of one shape [B, D], and I64 classes and domains [B]");
                inputs.add(f.in(i));
            }
            Loss.Angles of = of(inputs);
            long rows = modalities * first.size(0);
            Loss.AngleParts parts = new Loss.AngleParts(
                    f.temporary(first.dtype(), rows, rows),
                    f.temporary(first.dtype(), rows),
                    f.temporary(DType.F64, of.cells(), 2 + of.pairs()));
            f.k().loss().angles(of, f.out(1), parts);
            for (int i = 0; i < f.count(); i++) {
                f.keepInput(i);
            }
            f.keep(parts.products());
            f.keep(parts.lengths());
            f.keep(parts.cells());
        }

        @Override
        public void backward(Backward b) {
            List<View> inputs = new ArrayList<>();
            List<View> slopes = new ArrayList<>();
            for (int i = 0; i < b.count(); i++) {
                inputs.add(b.kept(i));
                if (i < b.count() - 2) {
                    slopes.add(b.into(i));
                }
            }
            int parts = b.count();
            Loss.AngleParts kept = new Loss.AngleParts(b.kept(parts), b.kept(parts + 1), b.kept(parts + 2));
            b.k().loss().anglesBackward(of(inputs), kept, b.dy(), slopes);
        }

        private Loss.Angles of(List<View> inputs) {
            int modalities = inputs.size() - 2;
            return new Loss.Angles(
                    inputs.subList(0, modalities),
                    inputs.get(modalities),
                    inputs.get(modalities + 1),
                    domains,
                    tauLive,
                    tauAttack);
        }
    }
}
