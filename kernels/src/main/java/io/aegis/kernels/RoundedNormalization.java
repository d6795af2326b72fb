package io.aegis.kernels;

import java.lang.foreign.Arena;

/** Normalisations by rounded gains and shifts; statistics stay as they are, in float32, as other frameworks keep them. */
record RoundedNormalization(Normalization inner, Rounding rounding) implements Normalization {
    @Override
    public void layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        try (Arena arena = Arena.ofShared()) {
            inner.layerNorm(x, rounding.of(gamma, arena), rounding.of(beta, arena), eps, y, mean, rstd);
        }
    }

    @Override
    public void layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        try (Arena arena = Arena.ofShared()) {
            inner.layerNormBackward(x, rounding.of(gamma, arena), mean, rstd, dy, dx, dgamma, dbeta);
        }
    }

    @Override
    public void rmsNorm(View x, View weight, double eps, View y, View rstd) {
        try (Arena arena = Arena.ofShared()) {
            inner.rmsNorm(x, rounding.of(weight, arena), eps, y, rstd);
        }
    }

    @Override
    public void rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        try (Arena arena = Arena.ofShared()) {
            inner.rmsNormBackward(x, rounding.of(weight, arena), rstd, dy, dx, dweight);
        }
    }

    @Override
    public void batchStatistics(View x, View mean, View variance) {
        inner.batchStatistics(x, mean, variance);
    }

    @Override
    public void batchNorm(
            View x, View gamma, View beta, View mean, View variance, double eps, Activation activation, View y) {
        try (Arena arena = Arena.ofShared()) {
            inner.batchNorm(x, rounding.of(gamma, arena), rounding.of(beta, arena), mean, variance, eps, activation, y);
        }
    }

    @Override
    public void batchNormBackward(
            View x,
            View gamma,
            View mean,
            View variance,
            double eps,
            boolean batch,
            View dy,
            View dx,
            View dgamma,
            View dbeta) {
        try (Arena arena = Arena.ofShared()) {
            inner.batchNormBackward(x, rounding.of(gamma, arena), mean, variance, eps, batch, dy, dx, dgamma, dbeta);
        }
    }

    @Override
    public void updateRunning(
            View mean, View variance, long rows, double momentum, View runningMean, View runningVariance) {
        inner.updateRunning(mean, variance, rows, momentum, runningMean, runningVariance);
    }
}
