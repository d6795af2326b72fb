package io.aegis.kernels;

import java.util.List;

/** Normalisations over the last dimension (layer norm, RMS norm) or over all others (batch norm, channels last). */
public interface Normalization {
    /**
     * y = (x - mean) rstd gamma + beta, per row, with the biased variance.
     *
     * @param x [..., D]
     * @param gamma [D]
     * @param beta [D]
     * @param eps added to the variance
     * @param y as x
     * @param mean [rows], or null
     * @param rstd [rows], or null
     */
    void layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd);

    /** Overwrites each of dx [..., D], dgamma [D], dbeta [D] that is not null. */
    void layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta);

    /**
     * y = x rstd weight, rstd = 1 / sqrt(mean(x^2) + eps), per row (Zhang and Sennrich, arXiv 1910.07467).
     *
     * @param x [..., D]
     * @param weight [D]
     * @param y as x
     * @param rstd [rows], or null
     */
    void rmsNorm(View x, View weight, double eps, View y, View rstd);

    /**
     * dx = rstd (g - h mean(g h)), g = dy weight, h = x rstd; dweight = sum over rows of dy h. Overwrites dx [..., D] and
     * dweight [D], each unless null.
     */
    void rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight);

    /** Mean and biased variance of each channel: x [..., C] to mean [C] and variance [C]. */
    void batchStatistics(View x, View mean, View variance);

    /** y = act((x - mean) / sqrt(variance + eps) gamma + beta), channel by channel; y may be x. */
    void batchNorm(View x, View gamma, View beta, View mean, View variance, double eps, Activation activation, View y);

    /**
     * Overwrites each of dx, dgamma, dbeta that is not null; the activation is not part of this.
     *
     * @param batch whether mean and variance are this x's own (training), so that dx flows through them as well
     */
    void batchNormBackward(
            View x,
            View gamma,
            View mean,
            View variance,
            double eps,
            boolean batch,
            View dy,
            View dx,
            View dgamma,
            View dbeta);

    /**
     * What a batch norm has for each of its channels, [C] each.
     *
     * @param mean of the batch, or the running one; with {@code variance}
     */
    record Channels(View gamma, View beta, View mean, View variance) {}

    /**
     * Statistics of n layers side by side: the i-th of n equal parts of x's first dimension has row i of mean [n, C] and
     * variance [n, C].
     */
    default void batchStatisticsOfEach(View x, View mean, View variance) {
        int n = (int) mean.size(0);
        for (int i = 0; i < n; i++) {
            batchStatistics(Convolution.part(x, i, n), mean.select(0, i), variance.select(0, i));
        }
    }

    /** {@link #batchNorm} of layers side by side, each over its part of x's and y's first dimension. */
    default void batchNorm(View x, List<Channels> layers, double eps, Activation activation, View y) {
        int n = layers.size();
        for (int i = 0; i < n; i++) {
            Channels c = layers.get(i);
            View own = Convolution.part(x, i, n);
            View to = Convolution.part(y, i, n);
            batchNorm(own, c.gamma(), c.beta(), c.mean(), c.variance(), eps, activation, to);
        }
    }

    /**
     * {@link #batchNormBackward} of layers side by side, the activation behind them included: dy is the gradient of what
     * {@link #batchNorm} gave with it.
     *
     * @param dgammas one a layer, each unless null; with {@code dbetas}
     * @return false when this cannot be done here without room for what the activation hands on, and nothing was done
     */
    default boolean batchNormBackward(
            View x,
            List<Channels> layers,
            double eps,
            boolean batch,
            Activation activation,
            View dy,
            View dx,
            View[] dgammas,
            View[] dbetas) {
        return false;
    }

    /**
     * {@link #batchNorm} of layers side by side, times another map, in one pass; y may be x.
     *
     * @param times as x
     * @return false when this cannot be done in one pass here, and nothing was done
     */
    default boolean batchNorm(View x, List<Channels> layers, double eps, Activation activation, View times, View y) {
        return false;
    }

    /**
     * What a batch norm's result was multiplied by.
     *
     * @param times as x
     * @param dtimes where its gradient goes, or null
     */
    record Factor(View times, View dtimes) {}

    /**
     * {@link #batchNormBackward} of layers side by side, activation and factor included: dy is the gradient of the product. Overwrites
     * the factor's gradient as well, unless null.
     *
     * @return false when this cannot be done here without room for what the factor hands on, and nothing was done
     */
    default boolean batchNormBackward(
            View x,
            List<Channels> layers,
            double eps,
            boolean batch,
            Activation activation,
            Factor factor,
            View dy,
            View dx,
            View[] dgammas,
            View[] dbetas) {
        return false;
    }

    /**
     * running = (1 - momentum) running + momentum batch, in place, with the unbiased variance as PyTorch does.
     *
     * @param rows how many rows each channel's statistics came from, at least 2 (one has no unbiased variance)
     */
    void updateRunning(View mean, View variance, long rows, double momentum, View runningMean, View runningVariance);

    /**
     * The same for layers side by side.
     *
     * @param mean [n, C], with {@code variance}
     * @param rows how many rows each layer's statistics came from
     * @param runningMeans one a layer, with {@code runningVariances}
     */
    default void updateRunning(
            View mean, View variance, long rows, double momentum, View[] runningMeans, View[] runningVariances) {
        for (int i = 0; i < runningMeans.length; i++) {
            View m = mean.select(0, i);
            updateRunning(m, variance.select(0, i), rows, momentum, runningMeans[i], runningVariances[i]);
        }
    }
}
