package io.aegis.layers;

import io.aegis.kernels.Activation;
import io.aegis.kernels.View;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;

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
            update(out.mean().view(), out.variance().view(), x.elements() / x.size(-1));
        }
        return out.y();
    }

    /** Adds the statistics of so many rows to the running ones. */
    void update(View mean, View variance, long rows) {
        Scope.current()
                .kernels()
                .normalization()
                .updateRunning(mean, variance, rows, MOMENTUM, runningMean.view(), runningVariance.view());
        View n = batches.view();
        n.set(n.getLong() + 1);
        runningMean.changed();
        runningVariance.changed();
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
