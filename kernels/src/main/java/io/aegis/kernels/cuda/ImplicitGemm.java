package io.aegis.kernels.cuda;

import io.aegis.kernels.Convolution.Behind;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Convolution.Layer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.View;
import java.util.List;

/**
 * convolution.cu: dense convolutions of any kernel, stride and padding in the engine's {@link Precision}. What is not in
 * the element type already, or not in whole 16-byte words, is copied to scratch first ({@link PixelPacking}), the picture and
 * the weights in one launch. Layers of one shape side by side are one launch as well. Forward and for what went in, {@link
 * HopperConvolution} may take a product's place.
 */
final class ImplicitGemm {
    private static final int SMALL = 64;
    private static final int LARGE = 128;
    private static final int STAGES = 3;
    /** Steps of a sum that are worth a block of their own. */
    private static final int FEWEST_STEPS = 4;

    private static final int MOST_SPLITS = 16;

    private final Cuda cuda;
    private final Tickets tickets;
    /** Of moments: a block may hold one of either. */
    private final Tickets counted;

    private final DType element;
    private final Product forward;
    private final Product input;
    private final Entry weight;
    private final PixelPacking packing;
    private final HopperConvolution hopper;

    ImplicitGemm(Cuda cuda) {
        this.cuda = cuda;
        this.tickets = new Tickets(cuda.memory());
        this.counted = new Tickets(cuda.memory());
        this.element = cuda.precision().dtype();
        Variant variant = variant(cuda.precision());
        this.forward = new Product(cuda, variant, "forward");
        this.input = new Product(cuda, variant, "input");
        this.weight = new Entry(cuda, variant, "weight");
        this.packing = new PixelPacking(cuda, variant, tickets);
        this.hopper = HopperConvolution.of(cuda);
    }

    static Variant variant(Precision precision) {
        Variant file = Variant.of("convolution.cu");
        return switch (precision) {
            case F32 -> file.with("EXACT", 1);
            case BF16 -> file.with("ELEMENT", "bf16");
            case F16 -> file.with("ELEMENT", "f16");
        };
    }

    /** One product with tiles of either size; there are no large ones in float32. */
    private record Product(Entry small, Entry large) {
        Product(Cuda cuda, Variant variant, String entry) {
            this(new Entry(cuda, variant, entry), new Entry(cuda, variant, entry + "_large"));
        }
    }

    /** Layers side by side, at most {@link LayerPointers#MOST}; {@code behind} null leaves their batch norms out. */
    void forward(View x, List<Layer> layers, Geometry g, Behind behind, View y) {
        forward(x, layers, g, behind, null, y);
    }

    /**
     * Their batch norms left out; mean and variance of what they give to {@code moments}.
     *
     * @return false, and nothing has happened, if there are too many channels, or where the products of 9.0 and a pass for the
     *     statistics are less work
     */
    boolean measured(View x, List<Layer> layers, Geometry g, Moments moments, View y) {
        boolean faster = hopper != null && g.stride() == 1 && hopper.gains(x.size(3), layers.size(), y);
        if (faster || !Moments.counts(layers.size(), y.size(3), SMALL)) {
            return false;
        }
        forward(x, layers, g, null, moments, y);
        return true;
    }

    private void forward(View x, List<Layer> layers, Geometry g, Behind behind, Moments moments, View y) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            PixelPacking.Launch copies = packing.begin(scratch);
            Pixels in = copies.pixels(x);
            Kernel[] kernels = new Kernel[layers.size()];
            for (int i = 0; i < kernels.length; i++) {
                Layer l = layers.get(i);
                Pixels w = copies.dense(l.weight().permute(0, 2, 3, 1));
                kernels[i] = new Kernel(w, l.bias(), behind == null ? null : l.norm());
            }
            copies.run();
            Picture picture = new Picture(in, y, g.stride(), 1, -g.padding(), 1);
            convolve(scratch, forward, picture, kernels, layers.getFirst().weight(), behind, moments, y);
        }
    }

    void backwardInput(View dy, List<View> weights, Geometry g, View dx) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            PixelPacking.Launch copies = packing.begin(scratch);
            Pixels in = copies.pixels(dy);
            Kernel[] kernels = new Kernel[weights.size()];
            for (int i = 0; i < kernels.length; i++) {
                kernels[i] = new Kernel(copies.dense(weights.get(i).permute(0, 2, 3, 1)), null, null);
            }
            copies.run();
            Picture picture = new Picture(in, dx, 1, -1, g.padding(), g.stride());
            convolve(scratch, input, picture, kernels, weights.getFirst(), null, null, dx);
        }
    }

    /** The struct Layer. */
    record Kernel(Pixels weight, View bias, Channels norm) {}

    /** The struct Convolve, and the launch. */
    private void convolve(
            Cuda.Scratch scratch,
            Product product,
            Picture picture,
            Kernel[] layers,
            View weight,
            Behind behind,
            Moments moments,
            View to) {
        if (moments == null && hopper != null && hopper.takes(picture, layers.length, to)) {
            hopper.launch(product == input, picture, layers, weight, behind, to);
            return;
        }
        long rows = to.elements() / to.size(3) / layers.length;
        long columns = to.size(3);
        long pitch = picture.in().pitch();
        long depth = weight.size(2) * weight.size(3) * pitch;
        int device = cuda.properties().multiprocessors();
        boolean large = element != DType.F32
                && Math.ceilDiv(rows, LARGE) * Math.ceilDiv(columns, LARGE) * layers.length >= device
                && shared(LARGE) < cuda.properties().sharedBytes();
        int side = large ? LARGE : SMALL;
        long across = Math.ceilDiv(columns, side);
        long tiles = Math.ceilDiv(rows, side) * across;
        long splits = splits(tiles * layers.length, depth);
        View times = behind == null ? null : behind.times();
        // Addresses first: each may move a buffer, and the arguments are one a thread.
        long[] biases = new long[layers.length];
        for (int i = 0; i < layers.length; i++) {
            biases[i] = cuda.readOrNull(layers[i].bias);
        }
        long factor = cuda.readOrNull(times);
        long out = cuda.write(to);
        long[] measured = moments == null ? null : moments.addresses(cuda, scratch, tiles / across, counted);
        Arguments a = picture.pack(Arguments.begin());
        for (int i = 0; i < LayerPointers.MOST; i++) {
            Kernel l = layers[Math.min(i, layers.length - 1)];
            a.pointer(l.weight.address()).pointer(biases[Math.min(i, layers.length - 1)]);
            LayerPointers.pack(a, cuda, l.norm);
        }
        a.pointer(out);
        strides(a, to);
        a.pointer(factor);
        strides(a, times == null ? to : times);
        parts(a, scratch, splits, tiles * layers.length * side * side);
        Moments.pack(a, measured);
        a.i32((int) rows).i32((int) columns).i32((int) depth);
        a.i32((int) weight.size(0)).i32((int) layers[0].weight.pitch());
        a.i32(isWide(out, to, 3) ? 1 : 0).i32(times != null && isWide(factor, times, 3) ? 1 : 0);
        a.i32((int) (to.size(0) / layers.length)).i32(behind == null && moments == null ? 0 : 1);
        a.i32(behind == null ? 0 : behind.activation().ordinal())
                .f32(behind == null ? 0 : behind.eps())
                .i32(0);
        a.divisor(pitch).divisor(weight.size(3)).divisor(across);
        Engine.Grid grid = new Engine.Grid(tiles, layers.length, splits, large ? 256 : 128, shared(side));
        (large ? product.large : product.small).launch(grid, a);
    }

    /** Of layers side by side, at most {@link LayerPointers#MOST}; all gradients of weights have one layout. */
    void backwardWeight(View x, View dy, Geometry g, View[] dweights, View[] dbiases) {
        View any = dweights[0];
        int layers = dweights.length;
        try (Cuda.Scratch scratch = cuda.scratch()) {
            PixelPacking.Launch copies = packing.begin(scratch);
            Pixels in = copies.pixels(x);
            Pixels slope = copies.dense(dy, dbiases);
            copies.run();
            long rows = dy.elements() / dy.size(3) / layers;
            long across = Math.ceilDiv(x.size(3), SMALL);
            long pairs = Math.ceilDiv(dy.size(3), SMALL) * across;
            long taps = any.size(2) * any.size(3);
            long splits = splits(pairs * taps * layers, rows);
            long[] out = LayerPointers.written(cuda, dweights);
            boolean wide = true;
            for (int i = 0; i < layers; i++) {
                wide &= dweights[i] == null || isWide(out[i], dweights[i], 1);
            }
            Picture picture = new Picture(in, dy, g.stride(), 1, -g.padding(), 1);
            Arguments a = picture.pack(Arguments.begin()).pointer(slope.address());
            LayerPointers.pack(a, out);
            strides(a, any);
            parts(a, scratch, splits, pairs * taps * layers * SMALL * SMALL);
            a.i32((int) rows).i32((int) slope.pitch()).i32((int) dy.size(3)).i32((int) x.size(3));
            a.i32(wide ? 1 : 0).i32((int) (dy.size(0) / layers));
            a.divisor(taps).divisor(any.size(3)).divisor(across);
            weight.launch(new Engine.Grid(pairs, taps * layers, splits, 128, shared(SMALL)), a);
        }
    }

    /** The sums over pixels alone, of layers side by side; nothing for null. */
    void backwardBias(View dy, View... dbiases) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            PixelPacking.Launch copies = packing.begin(scratch);
            copies.sums(dy, dbiases);
            copies.run();
        }
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        for (Precision precision : Precision.values()) {
            Variant variant = variant(precision);
            for (String entry : new String[] {"forward", "input", "weight"}) {
                out.of(variant, entry, shared(SMALL));
            }
            if (precision != Precision.F32) {
                out.of(variant, "forward_large", shared(LARGE));
                out.of(variant, "input_large", shared(LARGE));
            }
        }
    }

    private static int shared(int side) {
        return STAGES * 2 * side * 128;
    }

    /** Parts of a sum, none of them empty, so that few tiles keep the device busy. */
    private long splits(long tiles, long depth) {
        long steps = Math.ceilDiv(depth, 8L * packing.word());
        int device = cuda.properties().multiprocessors();
        if (tiles >= device || tiles > Tickets.COUNT) {
            return 1;
        }
        long wanted = Math.clamp(Math.ceilDiv(2L * device, tiles), 1, MOST_SPLITS);
        long each = Math.max(FEWEST_STEPS, Math.ceilDiv(steps, wanted));
        return Math.max(1, Math.ceilDiv(steps, each));
    }

    static void strides(Arguments a, View v) {
        for (long stride : v.strides()) {
            a.i64(stride);
        }
    }

    /** Where the parts of sums go, when they are divided. */
    private void parts(Arguments a, Cuda.Scratch scratch, long splits, long elements) {
        a.pointer(splits > 1 ? scratch.take(DType.F32, splits * elements) : 0).pointer(tickets.address());
    }

    /** Whether words of 4 can be stored along dimension {@code dim}. */
    static boolean isWide(long address, View v, int dim) {
        boolean wide = address % 16 == 0 && v.stride(dim) == 1 && v.size(dim) % 4 == 0;
        for (int d = 0; d < v.rank(); d++) {
            wide &= d == dim || v.size(d) == 1 || v.stride(d) % 4 == 0;
        }
        return wide;
    }
}
