package io.aegis.kernels.cuda;

import io.aegis.kernels.Convolution.Behind;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.ImplicitGemm.Kernel;
import java.util.List;
import java.util.stream.Stream;

/**
 * Dense convolutions of stride 1 on compute capability 9.0 (convolution_sm90a.cu), forward and the gradient of what went in, where {@link
 * Hopper} lets them be taken: in the place of convolution.cu's products, behind {@link ImplicitGemm}'s copies.
 */
final class HopperConvolution {
    static final String FILE = "convolution_sm90a.cu";

    private static final String ENTRY = "convolution_sm90a";
    private static final int TILE_N = 128;
    private static final int DEPTH = 64;
    private static final int STAGES = 3;
    private static final int STREAMS = 2;
    private static final int THREADS = 384;
    private static final int SHARED = STREAMS * STAGES * (PixelBox.MOST + TILE_N) * DEPTH * DType.BF16.bytes();
    /** Numbers of tiles are 31 bits wide. */
    private static final long MOST = 1L << 31;

    private final Cuda cuda;
    private final Entry forward;
    private final Entry input;

    HopperConvolution(Cuda cuda) {
        this.cuda = cuda;
        DType type = cuda.precision().dtype();
        this.forward = new Entry(cuda, variant(type, false), ENTRY);
        this.input = new Entry(cuda, variant(type, true), ENTRY);
    }

    /** For a device that has what they need and a precision of 16 bits, when they were asked for; else null. */
    static HopperConvolution of(Cuda cuda) {
        return cuda.precision() != Precision.F32 && Hopper.isAskedFor(cuda) ? new HopperConvolution(cuda) : null;
    }

    static List<Variant> variants() {
        return Stream.of(DType.BF16, DType.F16)
                .flatMap(type -> Stream.of(variant(type, false), variant(type, true)))
                .toList();
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        variants().forEach(v -> out.of(v, ENTRY, SHARED));
    }

    private static Variant variant(DType type, boolean input) {
        return Variant.of(FILE).with("T", type == DType.BF16 ? "bf16" : "f16").with("INPUT", input ? 1 : 0);
    }

    /**
     * Whether its pixels can be described, and there is enough to do.
     *
     * @param picture what is read, of one element type with the weights
     * @param layers side by side
     * @param to float32, not empty
     */
    boolean takes(Picture picture, int layers, View to) {
        Pixels in = picture.in();
        return picture.isDense() && isMapped(in, to.size(0)) && gains(in.pitch(), layers, to);
    }

    /**
     * Whether at least half of each tile is of use, and there is one for half of the multiprocessors.
     *
     * @param channels of what is read
     */
    boolean gains(long channels, int layers, View to) {
        long pictures = to.size(0) / layers;
        PixelBox box = PixelBox.of(to.size(2), to.size(1), pictures);
        long boxes = box.count(to.size(2), to.size(1), pictures);
        boolean full = 2 * channels >= DEPTH
                && 2 * to.size(3) > TILE_N
                && 2 * pictures * to.size(1) * to.size(2) >= boxes * PixelBox.MOST;
        long tiles = boxes * Math.ceilDiv(to.size(3), TILE_N) * layers;
        return full && tiles * 2 >= cuda.properties().multiprocessors() && tiles < MOST;
    }

    /** Maps need every stride to be positive where there is more than one to step to. */
    private static boolean isMapped(Pixels in, long pictures) {
        return (in.pixel() > 0 || in.width() == 1)
                && (in.line() > 0 || in.height() == 1)
                && (in.batch() > 0 || pictures == 1);
    }

    /**
     * The launch; {@link #takes} said yes.
     *
     * @param isInput whether it is a gradient of what went in: the weights are read across
     * @param weight one layer's, for its sizes: [O, C, kh, kw]
     * @param behind null: nothing but a bias
     */
    void launch(boolean isInput, Picture picture, Kernel[] layers, View weight, Behind behind, View to) {
        View times = behind == null ? null : behind.times();
        long pictures = to.size(0) / layers.length;
        PixelBox box = PixelBox.of(to.size(2), to.size(1), pictures);
        long across = Math.ceilDiv(to.size(3), TILE_N);
        long tiles = box.count(to.size(2), to.size(1), pictures) * across;
        // Addresses first: each may move a buffer, and the arguments are one a thread.
        long[] biases = new long[layers.length];
        for (int i = 0; i < layers.length; i++) {
            biases[i] = cuda.readOrNull(layers[i].bias());
        }
        long factor = cuda.readOrNull(times);
        long out = cuda.write(to);
        Arguments a = Arguments.begin().map(cuda.engine(), pixels(picture.in(), to.size(0), box));
        for (int i = 0; i < LayerPointers.MOST; i++) {
            a.map(cuda.engine(), i < layers.length ? weights(layers[i].weight(), weight, isInput) : null);
        }
        for (int i = 0; i < LayerPointers.MOST; i++) {
            int layer = Math.min(i, layers.length - 1);
            a.pointer(biases[layer]);
            LayerPointers.pack(a, cuda, layers[layer].norm());
        }
        a.pointer(out);
        ImplicitGemm.strides(a, to);
        a.pointer(factor);
        ImplicitGemm.strides(a, times == null ? to : times);
        a.divisor(tiles).divisor(across);
        a.divisor(Math.ceilDiv(to.size(2), box.wide())).divisor(Math.ceilDiv(to.size(1), box.high()));
        a.divisor(box.wide()).divisor(box.high());
        a.i32(box.deep()).i32(box.pixels() * DEPTH * DType.BF16.bytes());
        a.i32((int) to.size(2)).i32((int) to.size(1)).i32((int) pictures).i32((int) to.size(3));
        a.i32((int) weight.size(2))
                .i32((int) weight.size(3))
                .i32(picture.sign())
                .i32(picture.shift());
        a.i32((int) Math.ceilDiv(picture.in().pitch(), DEPTH)).i32((int) (tiles * layers.length));
        a.i32(ImplicitGemm.isWide(out, to, 3) ? 1 : 0);
        a.i32(times != null && ImplicitGemm.isWide(factor, times, 3) ? 1 : 0);
        a.i32(behind == null ? 0 : behind.activation().ordinal()).f32(behind == null ? 0 : behind.eps());
        long blocks = Math.min(tiles * layers.length, cuda.properties().multiprocessors());
        (isInput ? input : forward).launch(new Engine.Grid(blocks, 1, 1, THREADS, SHARED), a);
    }

    /** Channels, pixels of a line, lines, pictures. */
    private TensorMap pixels(Pixels in, long pictures, PixelBox box) {
        // A dimension of one element is never stepped through, but a map wants a stride all the same.
        long some = in.pitch();
        long[] strides = {
            in.width() == 1 ? some : in.pixel(), in.height() == 1 ? some : in.line(), pictures == 1 ? some : in.batch()
        };
        return new TensorMap(
                in.address(),
                cuda.precision().dtype(),
                new long[] {in.pitch(), in.width(), in.height(), pictures},
                strides,
                new int[] {DEPTH, box.wide(), box.high(), box.deep()});
    }

    /** Channels, taps, outputs; a box is of one tap. */
    private TensorMap weights(Pixels dense, View weight, boolean isInput) {
        long taps = weight.size(2) * weight.size(3);
        long all = taps * dense.pitch();
        return new TensorMap(
                dense.address(),
                cuda.precision().dtype(),
                new long[] {dense.pitch(), taps, weight.size(0), 1},
                new long[] {dense.pitch(), all, all},
                new int[] {DEPTH, 1, isInput ? DEPTH : TILE_N, 1});
    }
}
