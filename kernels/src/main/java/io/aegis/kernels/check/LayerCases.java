package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.EXACT;
import static io.aegis.kernels.check.Case.GRADIENT;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Behind;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Convolution.Layer;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.Normalization.Factor;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Layers of one shape side by side, and what is one pass with what precedes it; step by step where kernels have no such pass. */
final class LayerCases {
    private static final double EPS = 1e-5;

    private LayerCases() {}

    private static Channels channels(Draw d, long c) {
        return new Channels(d.normal(c), d.normal(c), d.normal(c), d.positive(c));
    }

    static Case normedConvolution(Draw d) {
        return convolution(d, false);
    }

    /** Statistics that a convolution gathers. */
    static Case measuredConvolution(Draw d) {
        return convolution(d, true);
    }

    private static Case convolution(Draw d, boolean measured) {
        int n = d.of(1, 2, 3, 3, 5);
        boolean depthwise = d.below(3) == 0;
        long c = depthwise ? d.size(140) : d.of(3, 8, 24, 33, 64);
        long o = depthwise ? c : d.of(1, 8, 24, 33, 72);
        int k = depthwise ? 3 : d.of(1, 3, 3);
        Geometry g = new Geometry(1, k / 2, depthwise ? (int) c : 1);
        long i = depthwise ? 1 : c;
        List<Layer> layers = new ArrayList<>();
        for (int l = 0; l < n; l++) {
            layers.add(new Layer(d.convolutionWeight(o, i, k), d.normal(o), channels(d, o)));
        }
        View x = d.normal(n * d.of(1, 2), 1 + d.below(14), 1 + d.below(14), c);
        long[] shape = {x.size(0), x.size(1), x.size(2), o};
        View y = d.destination(shape);
        if (measured) {
            String name = n + " convolutions with statistics " + x + " to " + o + " " + g;
            View[] to = {y, d.destination(n, o), d.destination(n, o)};
            return new Case(name, EXACT, EXACT, to, (kernels, out) -> {
                if (!kernels.convolution().forwardWithStatistics(x, layers, g, out[0], out[1], out[2])) {
                    kernels.convolution().forward(x, layers, g, out[0]);
                    kernels.normalization().batchStatisticsOfEach(out[0], out[1], out[2]);
                }
            });
        }
        View times = depthwise || d.coin() ? null : d.normal(shape);
        Activation f = depthwise ? Activation.RELU : d.coin() ? Activation.SIGMOID : Activation.QUICK_GELU;
        Behind behind = new Behind(EPS, f, times);
        String name = n + " convolutions with batch norm " + x + " to " + o + " " + g + " " + f;
        return new Case(name, EXACT, EXACT, new View[] {y}, (kernels, out) -> {
            if (!kernels.convolution().forwardNormed(x, layers, g, behind, out[0])) {
                stepByStep(kernels, x, layers, g, behind, out[0]);
            }
        });
    }

    /** Maps of DADM's kind, for which a GPU has tiles enough: forward with all that follows, or the gradient of what went in. */
    static Case largeConvolution(Draw d) {
        int n = 3;
        boolean forward = d.coin();
        long few = d.of(33, 40);
        long many = 129 + d.below(40);
        long c = forward ? few : many;
        long o = forward ? many : few;
        List<Layer> layers = new ArrayList<>();
        for (int l = 0; l < n; l++) {
            layers.add(new Layer(d.convolutionWeight(o, c, 3), d.normal(o), channels(d, o)));
        }
        View from = d.normal(n * 8L, 13 + d.below(2), 13 + d.below(2), few);
        long[] shape = {from.size(0), from.size(1), from.size(2), many};
        View times = d.coin() ? null : d.normal(shape);
        Behind behind = new Behind(EPS, d.coin() ? Activation.SIGMOID : Activation.RELU, times);
        Geometry g = Geometry.SAME_3X3;
        String name = "large convolutions " + (forward ? "" : "backward ") + from + " to " + many + " channels";
        return new Case(name, EXACT, EXACT, new View[] {d.destination(shape)}, (kernels, out) -> {
            if (!forward) {
                List<View> weights = layers.stream().map(Layer::weight).toList();
                kernels.convolution().backwardInput(from, weights, g, out[0]);
            } else if (!kernels.convolution().forwardNormed(from, layers, g, behind, out[0])) {
                stepByStep(kernels, from, layers, g, behind, out[0]);
            }
        });
    }

    private static void stepByStep(Kernels kernels, View x, List<Layer> layers, Geometry g, Behind behind, View y) {
        kernels.convolution().forward(x, layers, g, y);
        List<Channels> norms = layers.stream().map(Layer::norm).toList();
        kernels.normalization().batchNorm(y, norms, behind.eps(), behind.activation(), y);
        if (behind.times() != null) {
            kernels.elementwise().binary(Elementwise.Binary.MULTIPLY, y, behind.times(), y);
        }
    }

    static Case normsSideBySide(Draw d) {
        int n = d.of(1, 3, 3, 5);
        View x = d.normal(n * (2 + d.below(90)), d.size(200));
        long c = x.size(1);
        View dy = d.normal(x.shape());
        List<Channels> norms = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            norms.add(channels(d, c));
        }
        Activation f = d.coin() ? Activation.RELU : Activation.SIGMOID;
        boolean batch = d.coin();
        List<View> to = new ArrayList<>(
                List.of(d.destination(n, c), d.destination(n, c), d.destination(x.shape()), d.destination(x.shape())));
        for (int i = 0; i < n; i++) {
            to.add(d.destination(c));
        }
        String name = n + " batch norms " + x + " " + f;
        return new Case(name, GRADIENT, GRADIENT, to.toArray(View[]::new), (kernels, out) -> {
            kernels.normalization().batchStatisticsOfEach(x, out[0], out[1]);
            kernels.normalization().batchNorm(x, norms, EPS, f, out[2]);
            back(kernels, x, norms, batch, f, dy, out);
        });
    }

    /** The gradient of x to out[3], those of the gains behind it. */
    private static void back(
            Kernels kernels, View x, List<Channels> norms, boolean batch, Activation f, View dy, View[] out) {
        int n = norms.size();
        View[] dgammas = new View[n];
        System.arraycopy(out, 4, dgammas, 0, n);
        if (kernels.normalization().batchNormBackward(x, norms, EPS, batch, f, dy, out[3], dgammas, new View[n])) {
            return;
        }
        // Through room that is nobody's: what the activation was given lies where y does until it is computed again.
        kernels.normalization().batchNorm(x, norms, EPS, Activation.NONE, out[2]);
        kernels.elementwise().activateBackward(f, out[2], dy, out[2]);
        for (int i = 0; i < n; i++) {
            Channels c = norms.get(i);
            View slope = Convolution.part(out[2], i, n);
            View own = Convolution.part(x, i, n);
            View dx = Convolution.part(out[3], i, n);
            kernels.normalization()
                    .batchNormBackward(own, c.gamma(), c.mean(), c.variance(), EPS, batch, slope, dx, dgammas[i], null);
        }
        kernels.normalization().batchNorm(x, norms, EPS, f, out[2]);
    }

    /** Batch norm, activation and a factor, and back through all three. */
    static Case multipliedNorms(Draw d) {
        int n = d.of(1, 3, 3, 5);
        View x = d.normal(n * (2 + d.below(90)), d.size(200));
        View times = d.normal(x.shape());
        View dy = d.normal(x.shape());
        List<Channels> norms = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            norms.add(channels(d, x.size(1)));
        }
        Activation f = d.coin() ? Activation.RELU : Activation.SIGMOID;
        View[] to = {d.destination(x.shape()), d.destination(x.shape()), d.destination(x.shape())};
        String name = n + " batch norms " + x + " " + f + " times a factor";
        return new Case(name, GRADIENT, GRADIENT, to, (kernels, out) -> {
            Normalization k = kernels.normalization();
            Factor factor = new Factor(times, out[1]);
            if (k.batchNorm(x, norms, EPS, f, times, out[0])
                    && k.batchNormBackward(x, norms, EPS, true, f, factor, dy, out[2], new View[n], new View[n])) {
                return;
            }
            View[] room = {x, x, out[0], out[2]}; // as back() wants them
            kernels.elementwise().binary(Elementwise.Binary.MULTIPLY, dy, times, out[1]);
            back(kernels, x, norms, true, f, out[1], Arrays.copyOf(room, 4 + n));
            kernels.normalization().batchNorm(x, norms, EPS, f, out[0]);
            kernels.elementwise().binary(Elementwise.Binary.MULTIPLY, dy, out[0], out[1]);
            kernels.elementwise().binary(Elementwise.Binary.MULTIPLY, out[0], times, out[0]);
        });
    }

    static Case several(Draw d) {
        int n = 1 + d.below(10);
        View[] a = new View[n];
        View[] b = new View[n];
        View[] to = new View[2 * n];
        for (int i = 0; i < n; i++) {
            long[] shape = {d.of(1, 3), 1 + d.below(9), d.of(3, 8, 16, 33)};
            a[i] = d.normal(shape);
            b[i] = d.normal(shape[0], 1, shape[2]).expand(shape);
            to[i] = d.destination(shape);
            to[n + i] = d.destination(shape);
        }
        return new Case(n + " copies and sums", EXACT, EXACT, to, (kernels, out) -> {
            kernels.elementwise().copies(a, Arrays.copyOf(out, n));
            kernels.elementwise().sums(a, b, Arrays.copyOfRange(out, n, 2 * n));
        });
    }
}
