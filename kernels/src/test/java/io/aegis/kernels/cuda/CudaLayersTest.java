package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Behind;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Convolution.Layer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers of one shape side by side, and what follows a convolution on its way. */
class CudaLayersTest {
    private static final double EPS = 1e-5;

    /** n layers with [O, C / groups, k, k] weights in the order that kernels like. */
    private static List<Layer> layers(int n, long o, long c, long k, boolean bias) {
        List<Layer> out = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            View w = random(10 + i, o, c, k, k);
            View last = View.of(garbage(w.elements()).buffer(), DType.F32, 0, w.shape(), order(w));
            Backends.scalar().elementwise().copy(w, last);
            out.add(new Layer(last, bias ? random(20 + i, o) : null, channels(i, o)));
        }
        return out;
    }

    private static long[] order(View w) {
        return Convolution.channelsLast(w.size(0), w.size(1), w.size(2), w.size(3));
    }

    private static Channels channels(int i, long c) {
        View variance = garbage(c);
        View noise = random(60 + i, c);
        for (long k = 0; k < c; k++) {
            variance.setAt(k, 0.3 + Math.abs(noise.getAt(k)));
        }
        return new Channels(random(30 + i, c), random(40 + i, c), random(50 + i, c), variance);
    }

    private static List<View> weights(List<Layer> layers) {
        return layers.stream().map(Layer::weight).toList();
    }

    private static View rounded(Precision precision, View v) {
        View half = TestViews.zeros(precision.dtype(), v.elements()).reshape(v.shape());
        Backends.scalar().elementwise().copy(v, half);
        Backends.scalar().elementwise().copy(half, v);
        return v;
    }

    @ParameterizedTest(name = "{0} layers of B{1} H{2} W{3} C{4} O{5} {6}x{6} padding {7}")
    @CsvSource({
        "3, 2, 5, 4, 13, 17, 3, 1", //  odd channels: padded copies, all layers' in one launch
        "3, 1, 1, 1, 8, 8, 3, 1", //    class tokens of adapters
        "2, 1, 5, 7, 64, 72, 3, 1", //  few tiles of a long sum: divided
        "3, 13, 1, 1, 96, 40, 1, 0", // linears
        "4, 1, 6, 6, 16, 65, 1, 0",
        "3, 1, 12, 12, 8, 136, 3, 1", // large tiles
        "5, 1, 3, 3, 4, 4, 3, 1", //    more than one launch takes
    })
    void denseSideBySide(int n, int b, int h, int w, int c, int o, int k, int padding) {
        Geometry g = new Geometry(1, padding, 1);
        for (Precision precision : Precision.values()) {
            View x = rounded(precision, random(1, (long) n * b, h, w, c));
            View dy = rounded(precision, random(4, (long) n * b, h, w, o));
            List<Layer> layers = layers(n, o, c, k, true);
            layers.forEach(l -> rounded(precision, l.weight()));
            String what = precision + " ";
            compare(precision, what + "forward", to(garbage(dy.shape())), (kernels, d) -> kernels.convolution()
                    .forward(x, layers, g, d[0]));
            compare(precision, what + "dx", to(garbage(x.shape())), (kernels, d) -> kernels.convolution()
                    .backwardInput(dy, weights(layers), g, d[0]));
            gradients(precision, what, n, x, dy, g, layers);
        }
    }

    private static void gradients(Precision p, String what, int n, View x, View dy, Geometry g, List<Layer> layers) {
        List<View> destinations = new ArrayList<>();
        for (Layer l : layers) {
            View w = l.weight();
            destinations.add(View.of(garbage(w.elements()).buffer(), DType.F32, 0, w.shape(), w.strides()));
        }
        for (int i = 0; i < n; i++) {
            destinations.add(garbage(dy.size(3)));
        }
        View[] patterns = destinations.toArray(View[]::new);
        compare(p, what + "dw", patterns, (kernels, d) -> kernels.convolution()
                .backwardWeight(x, dy, g, Arrays.copyOf(d, n), Arrays.copyOfRange(d, n, 2 * n)));
        View[] fewer = Arrays.copyOf(patterns, 2 * n - 1);
        compare(p, what + "dw without one bias", fewer, (kernels, d) -> {
            View[] biases = new View[n];
            System.arraycopy(d, n, biases, 1, n - 1);
            kernels.convolution().backwardWeight(x, dy, g, Arrays.copyOf(d, n), biases);
        });
    }

    private static void compare(Precision p, String what, View[] d, BiConsumer<Kernels, View[]> call) {
        CudaTwin.compare(what, p, EXACT, d, call);
    }

    @ParameterizedTest
    @CsvSource({"3, 2, 5, 4, 13, 3", "3, 1, 14, 14, 132, 3", "2, 1, 7, 3, 8, 2", "3, 1, 1, 1, 5, 3", "5, 1, 3, 3, 4, 3"
    })
    void depthwiseSideBySide(int n, int b, int h, int w, int c, int k) {
        Geometry g = new Geometry(1, 1, c);
        View x = random(1, (long) n * b, h, w, c);
        List<Layer> layers = layers(n, c, 1, k, true);
        View y = garbage((long) n * b, g.out(h, k), g.out(w, k), c);
        View dy = random(4, y.shape());
        CudaTwin.compare("forward", to(y), (kernels, d) -> kernels.convolution().forward(x, layers, g, d[0]));
        CudaTwin.compare("dx", to(garbage(x.shape())), (kernels, d) -> kernels.convolution()
                .backwardInput(dy, weights(layers), g, d[0]));
        gradients(Precision.F32, "depthwise ", n, x, dy, g, layers);
    }

    /** Convolution, batch norm, activation and factor in one pass have the bits of one after the other. */
    @ParameterizedTest(name = "{0} layers of B{1} H{2} W{3} C{4} O{5} {6}x{6} {7}")
    @CsvSource({
        "3, 2, 5, 4, 13, 17, 3, SIGMOID",
        "1, 1, 5, 7, 64, 72, 3, RELU", //  divided sums
        "3, 1, 3, 3, 12, 48, 3, SIGMOID",
        "3, 5, 1, 1, 40, 24, 1, NONE",
        "3, 1, 12, 12, 8, 136, 3, GELU", // large tiles in 16 bits
        "2, 1, 1, 1, 8, 8, 3, QUICK_GELU",
    })
    void whatFollowsAConvolutionIsPartOfIt(int n, int b, int h, int w, int c, int o, int k, Activation f) {
        Geometry g = new Geometry(1, k / 2, 1);
        View x = random(1, (long) n * b, h, w, c);
        List<Layer> layers = layers(n, o, c, k, true);
        View factor =
                random(2, (long) n * b, 1 + h * w, o).slice(1, 1, 1 + h * w).reshape((long) n * b, h, w, o);
        for (Precision precision : Precision.values()) {
            for (View times : new View[] {null, factor}) {
                sameBits(CudaTwin.kernels(precision), x, layers, g, new Behind(EPS, f, times), o);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"3, 2, 5, 4, 13", "1, 1, 14, 14, 132", "3, 1, 3, 7, 8"})
    void whatFollowsADepthwiseConvolutionIsPartOfIt(int n, int b, int h, int w, int c) {
        View x = random(1, (long) n * b, h, w, c);
        List<Layer> layers = layers(n, c, 1, 3, true);
        for (Activation f : new Activation[] {Activation.RELU, Activation.NONE}) {
            sameBits(CudaTwin.kernels(Precision.F32), x, layers, Geometry.depthwise3x3(c), new Behind(EPS, f, null), c);
        }
        Behind other = new Behind(EPS, Activation.SIGMOID, null);
        assertThat(CudaTwin.kernels(Precision.F32)
                        .convolution()
                        .forwardNormed(x, layers, Geometry.depthwise3x3(c), other, garbage(x.shape())))
                .isFalse();
    }

    /** Into tokens behind a first one, as the masks do. */
    private static void sameBits(Kernels k, View x, List<Layer> layers, Geometry g, Behind behind, long o) {
        long[] shape = {x.size(0), x.size(1), x.size(2), o};
        long n = 1 + x.size(1) * x.size(2);
        View z = garbage(shape);
        k.convolution().forward(x, layers, g, z);
        List<Channels> norms = layers.stream().map(Layer::norm).toList();
        k.normalization().batchNorm(z, norms, behind.eps(), behind.activation(), z);
        if (behind.times() != null) {
            k.elementwise().binary(Elementwise.Binary.MULTIPLY, z, behind.times(), z);
        }
        View tokens = TestViews.random(7, DType.F32, shape[0], n, o);
        double[] first = tokens.slice(1, 0, 1).toDoubles();
        View map = tokens.slice(1, 1, n).reshape(shape);
        Map<String, Integer> launches =
                CudaBackend.launches(k, () -> assertThat(k.convolution().forwardNormed(x, layers, g, behind, map))
                        .isTrue());
        assertThat(map.toDoubles()).isEqualTo(z.toDoubles());
        assertThat(tokens.slice(1, 0, 1).toDoubles()).isEqualTo(first);
        launches.remove("pack");
        assertThat(launches.values()).as("%s", launches).containsExactly(1);
    }

    @ParameterizedTest
    @CsvSource({"3, 5, 13", "3, 200, 132", "2, 9, 64", "1, 70, 1", "5, 6, 4"})
    void statisticsSideBySide(int n, int rows, int c) {
        View x = random(1, (long) n * rows, 2, c);
        CudaTwin.compare("statistics", to(garbage(n, c), garbage(n, c)), (k, d) -> k.normalization()
                .batchStatisticsOfEach(x, d[0], d[1]));
        List<Channels> norms =
                IntStream.range(0, n).mapToObj(i -> channels(i, c)).toList();
        CudaTwin.compare("normed", to(garbage(x.shape())), (k, d) -> k.normalization()
                .batchNorm(x, norms, EPS, Activation.SIGMOID, d[0]));
    }

    @ParameterizedTest
    @EnumSource(
            value = Activation.class,
            names = {"NONE", "RELU", "SIGMOID", "GELU"})
    void theSlopeOfAnActivationIsPartOfTheWayBack(Activation f) {
        for (int[] size : new int[][] {{3, 5, 13}, {3, 70, 132}, {1, 9, 8}, {5, 4, 4}}) {
            int n = size[0];
            int c = size[2];
            View x = random(1, (long) n * size[1], c);
            View dy = random(2, x.size(0), 2L * c).slice(1, c, 2L * c);
            List<Channels> norms =
                    IntStream.range(0, n).mapToObj(i -> channels(i, c)).toList();
            for (boolean batch : new boolean[] {true, false}) {
                List<View> d = new ArrayList<>(List.of(garbage(x.shape())));
                for (int i = 0; i < 2 * n; i++) {
                    d.add(garbage(c));
                }
                CudaTwin.compare(f + " " + n, to(d.toArray(View[]::new)), (k, out) -> {
                    View[] dgammas = Arrays.copyOfRange(out, 1, 1 + n);
                    View[] dbetas = Arrays.copyOfRange(out, 1 + n, 1 + 2 * n);
                    back(k, x, norms, batch, f, dy, out[0], dgammas, dbetas);
                });
                CudaTwin.compare(
                        "dx alone",
                        to(garbage(x.shape())),
                        (k, out) -> back(k, x, norms, batch, f, dy, out[0], new View[n], new View[n]));
            }
        }
    }

    /** In one call, or layer by layer where there is none. */
    private static void back(
            Kernels k,
            View x,
            List<Channels> norms,
            boolean batch,
            Activation f,
            View dy,
            View dx,
            View[] dgammas,
            View[] dbetas) {
        if (norms.size() <= LayerPointers.MOST
                && k.normalization().batchNormBackward(x, norms, EPS, batch, f, dy, dx, dgammas, dbetas)) {
            return;
        }
        View z = garbage(x.shape());
        k.normalization().batchNorm(x, norms, EPS, Activation.NONE, z);
        k.elementwise().activateBackward(f, z, dy, z);
        for (int i = 0; i < norms.size(); i++) {
            Channels c = norms.get(i);
            View own = Convolution.part(x, i, norms.size());
            View slope = Convolution.part(z, i, norms.size());
            View to = Convolution.part(dx, i, norms.size());
            k.normalization()
                    .batchNormBackward(
                            own, c.gamma(), c.mean(), c.variance(), EPS, batch, slope, to, dgammas[i], dbetas[i]);
        }
    }

    @Test
    void runningStatisticsSideBySide() {
        View mean = random(1, 3, 9);
        View variance = random(2, 3, 9);
        View[] running = IntStream.range(0, 6).mapToObj(i -> random(3 + i, 9)).toArray(View[]::new);
        CudaTwin.compare("running", running, (k, d) -> k.normalization()
                .updateRunning(mean, variance, 7, 0.1, Arrays.copyOf(d, 3), Arrays.copyOfRange(d, 3, 6)));
    }

    @ParameterizedTest
    @CsvSource({"1, 8", "2, 8", "3, 13", "11, 16"})
    void severalCopiesAndSumsAreOneLaunch(int n, int width) {
        View[] a = new View[n];
        View[] b = new View[n];
        View[] y = new View[n];
        for (int i = 0; i < n; i++) {
            // Parts of rows, of different sizes, some of them repeated.
            a[i] = random(i, 1, 2 + i, 2L * width).slice(2, width, 2L * width).expand(2, 2 + i, width);
            b[i] = random(20 + i, 2, 2 + i, width);
            y[i] = TestViews.strided(40 + i, DType.F32, 2, 2 + i, width);
        }
        CudaTwin.compare("copies", y, (k, d) -> k.elementwise().copies(a, d));
        CudaTwin.compare("sums", y, (k, d) -> k.elementwise().sums(a, b, d));
        Kernels k = CudaTwin.kernels(Precision.F32);
        View[] dense = new View[n];
        for (int i = 0; i < n; i++) {
            dense[i] = garbage(2, 2 + i, width);
        }
        int launches = (n + 7) / 8;
        assertThat(CudaBackend.launches(k, () -> k.elementwise().copies(a, dense)).values().stream()
                        .mapToInt(i -> i)
                        .sum())
                .isEqualTo(launches);
        assertThat(CudaBackend.launches(k, () -> k.elementwise().sums(a, b, dense)).values().stream()
                        .mapToInt(i -> i)
                        .sum())
                .isEqualTo(launches);
    }

    @Test
    void sumsHaveTheSameBitsInAnyOrder() {
        // Each order has kernels and a memory of its own, and so sources of its own.
        CudaTwin.sameInAnyOrder(garbage(3 * 130, 36), (k, y) -> {
            View x = random(1, 3 * 130, 36);
            List<Channels> norms =
                    IntStream.range(0, 3).mapToObj(i -> channels(i, 36)).toList();
            k.normalization()
                    .batchNormBackward(x, norms, EPS, true, Activation.SIGMOID, x, y, new View[3], new View[3]);
        });
        CudaTwin.sameInAnyOrder(garbage(3, 5, 4, 8), (k, y) -> k.convolution()
                .forwardNormed(
                        random(2, 3, 5, 4, 64),
                        layers(3, 8, 64, 3, true),
                        Geometry.SAME_3X3,
                        new Behind(EPS, Activation.SIGMOID, null),
                        y));
    }
}
