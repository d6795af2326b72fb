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
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Convolutions of compute capability 9.0, run by the emulator: boxes that reach beyond pictures, beyond batches and beyond channels. */
class HopperConvolutionTest {
    private static final String ENTRY = "convolution_sm90a";
    private static final double EPS = 1e-5;
    private static final Map<Precision, Kernels> HOPPER = new EnumMap<>(Precision.class);

    private static Kernels hopper(Precision precision) {
        return HOPPER.computeIfAbsent(precision, p -> CudaBackend.through(CudaTwin.kernels(p), Route.HOPPER));
    }

    /** By the kernel of this file, and no other of a convolution's. */
    private static void compare(Precision p, String what, View[] to, BiConsumer<Convolution, View[]> call) {
        CudaTwin.compare(p + " " + what, p, EXACT, to, (kernels, d) -> {
            if (kernels instanceof CudaKernels) {
                assertThat(CudaBackend.launched(
                                hopper(p), () -> call.accept(hopper(p).convolution(), d)))
                        .as("%s %s: what was launched", p, what)
                        .contains(ENTRY)
                        .doesNotContain("forward", "input", "forward_large", "input_large");
            } else {
                call.accept(kernels.convolution(), d);
            }
        });
    }

    /** The same values as a precision's operands hold them, in the element type, so that only sums are left to differ. */
    private static View rounded(Precision precision, View v) {
        View half = TestViews.zeros(precision.dtype(), v.elements()).reshape(v.shape());
        Backends.scalar().elementwise().copy(v, half);
        return half;
    }

    private static View weight(Precision precision, long seed, long o, long c, long k) {
        View dense = TestViews.zeros(precision.dtype(), o * c * k * k);
        View w = View.of(
                dense.buffer(), precision.dtype(), 0, new long[] {o, c, k, k}, Convolution.channelsLast(o, c, k, k));
        Backends.scalar().elementwise().copy(random(seed, o, c, k, k), w);
        return w;
    }

    private static List<Layer> layers(Precision p, int n, long o, long c, long k) {
        List<Layer> out = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            View variance = garbage(o);
            View noise = random(60 + i, o);
            for (long e = 0; e < o; e++) {
                variance.setAt(e, 0.3 + Math.abs(noise.getAt(e)));
            }
            Channels norm = new Channels(random(30 + i, o), random(40 + i, o), random(50 + i, o), variance);
            out.add(new Layer(weight(p, 10 + i, o, c, k), random(20 + i, o), norm));
        }
        return out;
    }

    /** Both directions; as many channels come out as the other way needs for its tiles to be of use. */
    @ParameterizedTest(name = "{0} B{1} H{2} W{3} C{4} O{5} {6}x{6} padding {7}")
    @CsvSource({
        "BF16, 2, 14, 14, 72, 136, 3, 1", // two slabs of channels, the second nearly empty; columns too
        "F16, 4, 7, 5, 128, 129, 3, 1", //   boxes over several pictures, the last of them with one
        "BF16, 1, 1, 150, 65, 72, 3, 1", //  lines longer than a box, odd channels: padded copies
        "F16, 1, 12, 13, 66, 136, 3, 0", //  no padding: what comes out is smaller
        "BF16, 3, 6, 9, 130, 80, 5, 2",
        "F16, 2, 9, 9, 72, 72, 3, 4", //     more padding than kernel
        "BF16, 150, 1, 1, 136, 136, 3, 1", // pictures of a pixel
        "F16, 2, 10, 11, 80, 72, 2, 1", //   an even kernel
    })
    void bothWays(Precision p, int b, int h, int w, int c, int o, int k, int padding) {
        Geometry g = new Geometry(1, padding, 1);
        View x = rounded(p, random(1, b, h, w, c));
        View weight = weight(p, 2, o, c, k);
        View y = garbage(b, g.out(h, k), g.out(w, k), o);
        View dy = rounded(p, random(4, y.shape()));
        compare(p, "forward", to(y), (conv, d) -> conv.forward(x, weight, random(3, o), g, d[0]));
        compare(p, "dx", to(garbage(b, h, w, c)), (conv, d) -> conv.backwardInput(dy, weight, g, d[0]));
    }

    /** More tiles than a device has streams, of several layers: rings, parities and numbers go on from tile to tile. */
    @Test
    void manyTilesAStream() {
        Precision p = Precision.BF16;
        List<Layer> layers = layers(p, 3, 264, 72, 3);
        View x = rounded(p, random(1, 6, 7, 14, 72));
        assertThat(2 * CudaTwin.kernels(p).cuda().properties().multiprocessors())
                .isLessThan(3 * 3 * 2);
        compare(
                p,
                "forward",
                to(garbage(6, 7, 14, 264)),
                (conv, d) -> conv.forward(x, layers, Geometry.SAME_3X3, d[0]));
        List<View> weights = layers.stream().map(Layer::weight).toList();
        View dy = rounded(p, random(2, 6, 7, 14, 264));
        compare(
                p,
                "dx",
                to(garbage(6, 7, 14, 72)),
                (conv, d) -> conv.backwardInput(dy, weights, Geometry.SAME_3X3, d[0]));
    }

    /** Float32 pictures and weights are rounded first, in any layout; results too may have any. */
    @Test
    void anyLayout() {
        Precision p = Precision.BF16;
        View w = eighths(random(2, 72, 40, 3, 3)); // as PyTorch stores it
        View wide = eighths(random(5, 2, 11, 12, 48)).slice(3, 4, 44);
        View first = eighths(random(6, 2, 40, 11, 12)).permute(0, 2, 3, 1);
        View apart = TestViews.strided(9, DType.F32, 2, 11, 12, 72);
        View inside = garbage(2, 11, 12, 80).slice(3, 3, 75);
        for (View x : List.of(wide, first)) {
            for (View y : List.of(apart, inside)) {
                compare(p, x + " to " + y, to(y), (conv, d) -> conv.forward(x, w, null, Geometry.SAME_3X3, d[0]));
            }
        }
    }

    /** Pictures behind class tokens are read where they lie, and written so; the tokens are not touched. */
    @Test
    void behindClassTokens() {
        for (Precision p : List.of(Precision.BF16, Precision.F16)) {
            View tokens = rounded(p, random(1, 3, 1 + 9 * 8, 72));
            View x = tokens.slice(1, 1, 73).reshape(3, 9, 8, 72);
            View y = garbage(3, 1 + 9 * 8, 136).slice(1, 1, 73).reshape(3, 9, 8, 136);
            View weight = weight(p, 2, 136, 72, 3);
            compare(p, "tokens", to(y), (conv, d) -> {
                conv.forward(x, weight, null, Geometry.SAME_3X3, d[0]);
            });
            assertThat(CudaBackend.launched(hopper(p), () -> hopper(p)
                            .convolution()
                            .forward(x, List.of(new Layer(weight, null, null)), Geometry.SAME_3X3, y)))
                    .as("nothing is copied")
                    .containsExactly(ENTRY);
        }
    }

    /** Convolution, batch norm, activation and factor in one pass have the bits of one after the other. */
    @ParameterizedTest(name = "{0} layers of B{1} H{2} W{3} C{4} O{5} {6}x{6} {7}")
    @CsvSource({
        "3, 2, 7, 9, 40, 72, 3, SIGMOID",
        "2, 1, 12, 9, 40, 131, 3, RELU",
        "3, 1, 10, 10, 40, 136, 1, GELU",
        "4, 2, 5, 8, 40, 80, 3, NONE",
    })
    void whatFollowsIsPartOfIt(int n, int b, int h, int w, int c, int o, int k, Activation f) {
        Geometry g = new Geometry(1, k / 2, 1);
        Precision p = Precision.BF16;
        View x = rounded(p, random(1, (long) n * b, h, w, c));
        List<Layer> layers = layers(p, n, o, c, k);
        long[] shape = {(long) n * b, h, w, o};
        View wide = random(2, (long) n * b, 1 + h * w, o).slice(1, 1, 1 + h * w).reshape(shape);
        View strided = random(3, (long) n * b, o, h, w).permute(0, 2, 3, 1);
        for (View times : new View[] {null, wide, strided}) {
            sameBits(hopper(p), x, layers, g, new Behind(EPS, f, times), shape);
        }
    }

    private static void sameBits(Kernels k, View x, List<Layer> layers, Geometry g, Behind behind, long[] shape) {
        View z = garbage(shape);
        k.convolution().forward(x, layers, g, z);
        List<Channels> norms = layers.stream().map(Layer::norm).toList();
        k.normalization().batchNorm(z, norms, behind.eps(), behind.activation(), z);
        if (behind.times() != null) {
            k.elementwise().binary(Elementwise.Binary.MULTIPLY, z, behind.times(), z);
        }
        View y = garbage(shape);
        assertThat(CudaBackend.launched(k, () -> assertThat(k.convolution().forwardNormed(x, layers, g, behind, y))
                        .isTrue()))
                .containsExactly(ENTRY);
        assertThat(y.toDoubles()).isEqualTo(z.toDoubles());
    }

    /** A pixel that is not finite shows in its neighbourhood alone, whatever lies in a tile behind its box. */
    @Test
    void notFinite() {
        View x = rounded(Precision.BF16, random(1, 4, 7, 5, 40));
        x.set(Double.NaN, 0, 1, 1, 2);
        x.set(Double.POSITIVE_INFINITY, 3, 6, 4, 39);
        View w = weight(Precision.BF16, 2, 136, 40, 3);
        compare(
                Precision.BF16,
                "not finite",
                to(garbage(4, 7, 5, 136)),
                (conv, d) -> conv.forward(x, w, null, Geometry.SAME_3X3, d[0]));
    }

    /** Few tiles, few channels, few columns, boxes that are nearly empty and strides go the other way; float32 always does. */
    @ParameterizedTest(name = "{0} B{1} H{2} W{3} C{4} O{5} stride {6}")
    @CsvSource({
        "BF16, 2, 14, 14, 64, 128, 1, true",
        "F32, 2, 14, 14, 64, 128, 1, false",
        "BF16, 1, 5, 5, 64, 128, 1, false",
        "BF16, 2, 14, 14, 24, 128, 1, false",
        "BF16, 2, 14, 14, 64, 64, 1, false",
        "BF16, 1, 1, 33, 64, 260, 1, false",
        "BF16, 4, 14, 14, 64, 128, 2, false",
    })
    void whatGoesTheOtherWay(Precision p, int b, int h, int w, int c, int o, int stride, boolean taken) {
        Geometry g = new Geometry(stride, 1, 1);
        View x = rounded(p, random(1, b, h, w, c));
        View weight = weight(p, 2, o, c, 3);
        View y = garbage(b, g.out(h, 3), g.out(w, 3), o);
        List<String> launched =
                CudaBackend.launched(hopper(p), () -> hopper(p).convolution().forward(x, weight, null, g, y));
        assertThat(launched.contains(ENTRY)).as(launched.toString()).isEqualTo(taken);
    }

    @Test
    void onlyWhatIsAskedForTakesIt() {
        assertThat(HopperConvolution.of(CudaTwin.kernels(Precision.BF16).cuda()))
                .as("on a device of another kind")
                .isNull();
        Variant any = HopperConvolution.variants().getFirst();
        assertThat(KernelCatalogue.variants()).containsAll(HopperConvolution.variants());
        assertThat(KernelCatalogue.isAskedFor(any, "sm_90a")).isTrue();
        assertThat(KernelCatalogue.isAskedFor(any, "sm_80")).isFalse();
    }

    /** Values that bfloat16 leaves alone. */
    private static View eighths(View x) {
        for (long i = 0; i < x.elements(); i++) {
            x.setAt(x.position(i), Math.rint(8 * x.getAt(x.position(i))) / 8);
        }
        return x;
    }
}
