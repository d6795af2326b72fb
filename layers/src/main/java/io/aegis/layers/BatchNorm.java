package io.aegis.layers;

import io.aegis.kernels.Activation;
import io.aegis.kernels.View;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.List;

/**
 * Batch norm over all but the last dimension, with an activation behind it, PyTorch's eps 1e-5 and momentum 0.1. Which
 * statistics it uses, and whether it adds to the running ones, is the {@link Pass}'s to say.
 */
public final class BatchNorm {
    private static final double EPS = 1e-5;
    private static final double MOMENTUM = 0.1;

    private final Parameter weight;
    private final Parameter bias;
    private final Parameter runningMean;
    private final Parameter runningVariance;
    private final Parameter batches;
    private final Activation activation;

    public BatchNorm(Parameters p, long channels, Activation activation) {
        this.weight = p.weight("weight", Init.ONES, channels);
        this.bias = p.weight("bias", Init.ZEROS, channels);
        this.runningMean = p.buffer("running_mean", Init.ZEROS, channels);
        this.runningVariance = p.buffer("running_var", Init.ONES, channels);
        this.batches = p.counter("num_batches_tracked");
        this.activation = activation;
    }

    /** x [..., C]. */
    public Tensor of(Tensor x, Pass pass) {
        if (!pass.batchStatistics()) {
            return Ops.batchNorm(
                    x, weight.tensor(), bias.tensor(), runningMean.tensor(), runningVariance.tensor(), EPS, activation);
        }
        Ops.BatchNormed out = Ops.batchNormTraining(x, weight.tensor(), bias.tensor(), EPS, activation);
        if (pass.updateStatistics()) {
            View mean = out.mean().view().unsqueeze(0);
            update(List.of(this), mean, out.variance().view().unsqueeze(0), x.elements() / x.size(-1));
        }
        return out.y();
    }

    /** Adds the statistics [n, C] of layers side by side, of so many rows each, to the running ones. */
    static void update(List<BatchNorm> layers, View mean, View variance, long rows) {
        View[] means = layers.stream().map(l -> l.runningMean.view()).toArray(View[]::new);
        View[] variances = layers.stream().map(l -> l.runningVariance.view()).toArray(View[]::new);
        Scope.current().kernels().normalization().updateRunning(mean, variance, rows, MOMENTUM, means, variances);
        for (BatchNorm l : layers) {
            View n = l.batches.view();
            n.set(n.getLong() + 1);
            l.runningMean.changed();
            l.runningVariance.changed();
        }
    }

    /** Behind a convolution, as one of several layers side by side. */
    Ops.StageLayer behind(Conv2d convolution) {
        return new Ops.StageLayer(
                convolution.weight().tensor(),
                convolution.bias().tensor(),
                weight.tensor(),
                bias.tensor(),
                runningMean.tensor(),
                runningVariance.tensor());
    }

    double eps() {
        return EPS;
    }

    Activation activation() {
        return activation;
    }
}
