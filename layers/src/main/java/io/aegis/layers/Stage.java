package io.aegis.layers;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Layers of one shape side by side, in one launch where a device has one for them: layer i of n has the i-th of n equal parts of the
 * batch. Their batch norm is part of the convolution where nobody goes back.
 */
public final class Stage {
    private final List<Conv2d> convolutions;
    private final List<BatchNorm> norms;

    /**
     * Convolutions, each with the batch norm of the same number behind it.
     *
     * @throws IllegalArgumentException when there are not as many of both
     */
    public Stage(List<Conv2d> convolutions, List<BatchNorm> norms) {
        if (convolutions.size() != norms.size()) {
            throw new IllegalArgumentException(
                    convolutions.size() + " convolutions and " + norms.size() + " batch norms, expected as many");
        }
        this.convolutions = List.copyOf(convolutions);
        this.norms = List.copyOf(norms);
    }

    /** x [n B, H, W, in] to [n B, H', W', out]. */
    public Tensor of(Tensor x, Pass pass) {
        return of(x, pass, null, null);
    }

    /**
     * The same times another map and behind first tokens, each unless null.
     *
     * @param times [n B, H', W', out]
     * @param first [n B, 1, out], which makes the result [n B, 1 + H' W', out]
     */
    public Tensor of(Tensor x, Pass pass, Tensor times, Tensor first) {
        List<Ops.StageLayer> layers = new ArrayList<>();
        for (int i = 0; i < norms.size(); i++) {
            layers.add(norms.get(i).behind(convolutions.get(i)));
        }
        BatchNorm one = norms.getFirst();
        Geometry geometry = convolutions.getFirst().geometry();
        Ops.BatchNormed out =
                Ops.stage(x, layers, geometry, pass.batchStatistics(), one.eps(), one.activation(), times, first);
        if (pass.batchStatistics() && pass.updateStatistics()) {
            Tensor y = out.y();
            long maps = first == null ? y.elements() : y.elements() - y.size(0) * y.size(-1);
            BatchNorm.update(norms, out.mean().view(), out.variance().view(), maps / y.size(-1) / norms.size());
        }
        return out.y();
    }

    /** A convolution's places as tokens behind a first one, the same [1, 1, out] for all: x [B, H, W, in] to [B, 1 + H' W', out]. */
    public static Tensor tokens(Tensor x, Conv2d convolution, Tensor first) {
        Tensor bias = convolution.bias().tensor();
        Ops.StageLayer layer = new Ops.StageLayer(convolution.weight().tensor(), bias, null, null, null, null);
        return Ops.stage(x, List.of(layer), convolution.geometry(), false, 0, Activation.NONE, null, first)
                .y();
    }

    /** Linears of one shape side by side: x [n B, N, in] to [n B, N, out]. */
    public static Tensor linears(Tensor x, List<Linear> linears) {
        List<Ops.StageLayer> layers = new ArrayList<>();
        for (Linear l : linears) {
            Tensor w = l.weight().tensor();
            Tensor kernel = w.reshape(w.size(0), w.size(1), 1, 1);
            layers.add(new Ops.StageLayer(
                    kernel, l.bias() == null ? null : l.bias().tensor(), null, null, null, null));
        }
        Tensor map = x.reshape(x.size(0), x.size(1), 1, x.size(2));
        Tensor y = Ops.stage(map, layers, Geometry.POINTWISE, false, 0, Activation.NONE, null, null)
                .y();
        return y.reshape(x.size(0), x.size(1), y.size(3));
    }

    /**
     * Convolutions by given kernels side by side, with an activation behind them, and behind first tokens unless those are null.
     */
    public static Tensor convolutions(
            Tensor x, List<Tensor> kernels, Geometry geometry, Activation activation, Tensor first) {
        List<Ops.StageLayer> layers = new ArrayList<>();
        for (Tensor kernel : kernels) {
            layers.add(new Ops.StageLayer(kernel, null, null, null, null, null));
        }
        return Ops.stage(x, layers, geometry, false, 0, activation, null, first).y();
    }
}
