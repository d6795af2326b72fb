package io.aegis.tensor;

import static io.aegis.tensor.StageOp.BETA;
import static io.aegis.tensor.StageOp.BIAS;
import static io.aegis.tensor.StageOp.FIRST;
import static io.aegis.tensor.StageOp.GAMMA;
import static io.aegis.tensor.StageOp.TIMES;
import static io.aegis.tensor.StageOp.WEIGHT;
import static io.aegis.tensor.StageOp.X;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/** How a {@link StageOp} is undone, for one loss or for several. */
final class StageBackward {
    private final StageOp op;
    private final Backward one;
    private final int layers;
    // What the operation kept, in its order.
    private int at;
    private final View z;
    /** y where it tells the activation's slope, or null. */
    private final View y;

    private final View x;
    private final View times;
    private final List<View> weights = new ArrayList<>();
    private final List<Channels> norms = new ArrayList<>();
    /** What the activation was given, and room, where the norm's own kernel leaves the activation to another. */
    private View given;

    private View room;
    /** What the activation gave, where it has to be multiplied by itself. */
    private View factor;

    StageBackward(StageOp op, Backward one) {
        this.op = op;
        this.one = one;
        this.layers = op.layers();
        boolean first = one.has(FIRST);
        boolean factor = one.has(TIMES);
        z = op.isPlain(factor, first) ? null : next();
        View result = op.tellsSlope(factor) ? next() : null;
        y = result == null || !first
                ? result
                : result.slice(1, 1, result.size(1)).reshape(z.shape());
        x = one.isTracked(op.input(0, WEIGHT)) ? next() : null;
        times = factor ? next() : null;
        boolean batch = op.normed() && op.batch();
        View mean = batch ? next() : null;
        View variance = batch ? next() : null;
        for (int i = 0; i < layers; i++) {
            weights.add(next());
            if (op.normed()) {
                View gamma = next();
                View beta = next();
                View m = batch ? mean.select(0, i) : next();
                norms.add(new Channels(gamma, beta, m, batch ? variance.select(0, i) : next()));
            }
        }
    }

    private View next() {
        return one.kept(at++);
    }

    void go(List<Backward> losses) {
        for (Backward b : losses) {
            if (b.dyOrNull(0) != null) {
                convolutionBackward(b, through(b, map(b)));
            }
        }
    }

    /** The gradient of the map in y; that of the first tokens is passed on. */
    private View map(Backward b) {
        View dy = b.dy();
        if (!b.has(FIRST)) {
            return dy;
        }
        if (b.wants(FIRST)) {
            View rows = dy.slice(1, 0, 1);
            if (b.shape(FIRST)[0] == dy.size(0)) {
                b.pass(FIRST, rows);
            } else {
                b.k().reduction().sum(rows, 1, false, b.into(FIRST));
            }
        }
        View rest = dy.slice(1, 1, dy.size(1));
        if (rest.canReshape(z.shape())) {
            return rest.reshape(z.shape());
        }
        View dense = b.temporary(dy.dtype(), rest.shape());
        b.k().elementwise().copy(rest, dense);
        return dense.reshape(z.shape());
    }

    /** Back through the product alone; what the activation gave is computed again once, for all losses. */
    private View unmultiplied(Backward b, View dy, View dtimes) {
        Elementwise e = b.k().elementwise();
        if (dtimes != null) {
            if (factor == null) {
                factor = one.temporary(z.dtype(), z.shape());
                op.activate(b.k().normalization(), e, norms, z, factor);
            }
            e.binary(Elementwise.Binary.MULTIPLY, dy, factor, dtimes);
        }
        View out = b.temporary(dy.dtype(), dy.shape());
        e.binary(Elementwise.Binary.MULTIPLY, dy, times, out);
        return out;
    }

    /** Back through factor, activation and norm, to the gradient of what the convolution gave; null where nobody needs it. */
    private View through(Backward b, View dy) {
        if (z == null) {
            return dy;
        }
        boolean needed = b.wants(X);
        View[] dgammas = new View[layers];
        View[] dbetas = new View[layers];
        for (int i = 0; i < layers; i++) {
            needed |= b.wants(op.input(i, WEIGHT)) || b.wants(op.input(i, BIAS));
            dgammas[i] = op.normed() ? b.into(op.input(i, GAMMA)) : null;
            dbetas[i] = op.normed() ? b.into(op.input(i, BETA)) : null;
        }
        View dz = needed ? b.temporary(dy.dtype(), z.shape()) : null;
        View dtimes = times == null ? null : b.into(TIMES);
        Normalization n = b.k().normalization();
        if (op.normed() && times != null) {
            Normalization.Factor by = new Normalization.Factor(times, dtimes);
            if (n.batchNormBackward(z, norms, op.eps(), op.batch(), op.activation(), by, dy, dz, dgammas, dbetas)) {
                return dz;
            }
        }
        View slope = times == null ? dy : unmultiplied(b, dy, dtimes);
        if (!op.normed()) {
            if (dz != null) {
                undo(b, z, slope, dz);
            }
            return dz;
        }
        if (!n.batchNormBackward(z, norms, op.eps(), op.batch(), op.activation(), slope, dz, dgammas, dbetas)) {
            byLayer(b, slope, dz, dgammas, dbetas);
        }
        return dz;
    }

    private void byLayer(Backward b, View dy, View dz, View[] dgammas, View[] dbetas) {
        Normalization n = b.k().normalization();
        if (room == null) {
            room = one.temporary(dy.dtype(), z.shape());
            given = y;
            if (given == null && op.activation() != Activation.NONE) {
                given = one.temporary(dy.dtype(), z.shape());
                n.batchNorm(z, norms, op.eps(), Activation.NONE, given);
            }
        }
        undo(b, given, dy, room);
        for (int i = 0; i < layers; i++) {
            Channels c = norms.get(i);
            View own = Convolution.part(z, i, layers);
            View slope = Convolution.part(room, i, layers);
            View to = dz == null ? null : Convolution.part(dz, i, layers);
            n.batchNormBackward(
                    own, c.gamma(), c.mean(), c.variance(), op.eps(), op.batch(), slope, to, dgammas[i], dbetas[i]);
        }
    }

    private void undo(Backward b, View before, View dy, View dz) {
        if (op.activation() == Activation.NONE) {
            b.k().elementwise().copy(dy, dz);
        } else {
            b.k().elementwise().activateBackward(op.activation(), before, dy, dz);
        }
    }

    private void convolutionBackward(Backward b, View dz) {
        if (dz == null) {
            return;
        }
        if (b.wants(X)) {
            b.k().convolution().backwardInput(dz, weights, op.geometry(), b.into(X));
        }
        View[] dweights = new View[layers];
        View[] dbiases = new View[layers];
        boolean any = false;
        for (int i = 0; i < layers; i++) {
            dweights[i] = b.into(op.input(i, WEIGHT));
            dbiases[i] = b.into(op.input(i, BIAS));
            any |= dweights[i] != null;
        }
        if (any) {
            b.k().convolution().backwardWeight(x, dz, op.geometry(), dweights, dbiases);
            return;
        }
        for (int i = 0; i < layers; i++) {
            View d = dbiases[i];
            if (d != null) {
                b.k().reduction().sum(Convolution.part(dz, i, layers), 1, false, d.reshape(1, 1, 1, d.elements()));
            }
        }
    }
}
