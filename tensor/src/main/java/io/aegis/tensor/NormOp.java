package io.aegis.tensor;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.List;

/** Normalisations. */
sealed interface NormOp extends Op {
    /** Layer norm over the last dimension: x [..., D], gamma [D], beta [D]. */
    record LayerNorm(double eps) implements NormOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            f.require(
                    f.in(1).elements() == x.size(-1) && f.in(2).elements() == x.size(-1), "gamma and beta must be [D]");
            long rows = x.elements() / Math.max(1, x.size(-1));
            View mean = f.temporary(accumulator(x), rows);
            View rstd = f.temporary(accumulator(x), rows);
            f.k().normalization().layerNorm(x, f.in(1), f.in(2), eps, f.out(x.shape()), mean, rstd);
            f.keepInput(0);
            f.keepInput(1);
            f.keep(mean);
            f.keep(rstd);
        }

        @Override
        public void backward(Backward b) {
            b.k().normalization()
                    .layerNormBackward(
                            b.kept(0), b.kept(1), b.kept(2), b.kept(3), b.dy(), b.into(0), b.into(1), b.into(2));
        }
    }

    /** RMS norm over the last dimension: x [..., D], weight [D]. */
    record RmsNorm(double eps) implements NormOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            f.require(f.in(1).elements() == x.size(-1), "the weight must be [D]");
            View rstd = f.temporary(accumulator(x), x.elements() / Math.max(1, x.size(-1)));
            f.k().normalization().rmsNorm(x, f.in(1), eps, f.out(x.shape()), rstd);
            f.keepInput(0);
            f.keepInput(1);
            f.keep(rstd);
        }

        @Override
        public void backward(Backward b) {
            b.k().normalization().rmsNormBackward(b.kept(0), b.kept(1), b.kept(2), b.dy(), b.into(0), b.into(1));
        }
    }

    /**
     * Batch norm, channels last, with an activation behind it: x [..., C], gamma, beta [C]. With {@code batch} the
     * statistics are x's own, and come out as outputs 1 (mean) and 2 (biased variance); otherwise they are inputs 3 and 4.
     */
    record BatchNorm(double eps, boolean batch, Activation activation) implements NormOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            long c = x.size(-1);
            f.require(f.in(1).elements() == c && f.in(2).elements() == c, "gamma and beta must be [C]");
            View y = f.out(x.shape());
            View mean = batch ? f.out(accumulator(x), c) : f.in(3);
            View variance = batch ? f.out(accumulator(x), c) : f.in(4);
            if (batch) {
                f.require(x.elements() > c, "batch statistics need more than one value a channel");
                f.k().normalization().batchStatistics(x, mean, variance);
            }
            f.k().normalization().batchNorm(x, f.in(1), f.in(2), mean, variance, eps, activation, y);
            f.keepInput(0);
            f.keepInput(1);
            f.keepInput(2);
            if (batch) {
                f.keepOutput(1);
                f.keepOutput(2);
            } else {
                f.keepInput(3);
                f.keepInput(4);
            }
            if (activation == Activation.RELU) {
                f.keepOutput(0);
            }
        }

        @Override
        public void backward(Backward b) {
            backward(List.of(b));
        }

        /** What the activation was given is computed again once, for all losses. */
        @Override
        public void backward(List<Backward> losses) {
            Backward one = losses.getFirst();
            View x = one.kept(0);
            View gamma = one.kept(1);
            View mean = one.kept(3);
            View variance = one.kept(4);
            View z = null;
            if (activation == Activation.RELU) {
                z = one.kept(5); // max(z, 0) is positive where z is: as good as z for this derivative
            } else if (activation != Activation.NONE) {
                z = one.temporary(x.dtype(), x.shape());
                one.k().normalization().batchNorm(x, gamma, one.kept(2), mean, variance, eps, Activation.NONE, z);
            }
            View dz = z == null ? null : one.temporary(x.dtype(), x.shape());
            for (Backward b : losses) {
                View dy = b.dy();
                if (z != null) {
                    b.k().elementwise().activateBackward(activation, z, dy, dz);
                    dy = dz;
                }
                b.k().normalization()
                        .batchNormBackward(x, gamma, mean, variance, eps, batch, dy, b.into(0), b.into(1), b.into(2));
            }
        }
    }

    private static DType accumulator(View x) {
        return x.dtype() == DType.F64 ? DType.F64 : DType.F32;
    }
}
