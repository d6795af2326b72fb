package io.aegis.kernels.cuda;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution.Behind;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Convolution.Layer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.List;

/** depthwise.cu: one input and one output channel a group, float32 in any layout; and central-difference kernels. */
final class CudaDepthwise {
    static final Variant FILE = Variant.of("depthwise.cu");

    private static final int THREADS = 256;
    /** Channels of a block, at least. */
    private static final int WARP = 32;
    /** Segments of lines that a block works on at once. */
    private static final int LANES = 8;
    /** Columns that a thread has under way at once. */
    private static final int TOGETHER = 3;
    /** Blocks over which the gradient of a weight is summed, at most for each word of channels. */
    private static final int MOST_PARTS = 64;

    private final Cuda cuda;
    private final Tickets tickets;
    private final Tickets counted;
    private final Entry sliding;
    private final Entry slidingMoments;
    private final Entry direct;
    private final Entry slidingWeight;
    private final Entry directWeight;
    private final Entry central;
    private final Entry centralBackward;

    CudaDepthwise(Cuda cuda) {
        this.cuda = cuda;
        this.tickets = new Tickets(cuda.memory());
        this.counted = new Tickets(cuda.memory());
        this.sliding = new Entry(cuda, FILE, "sliding_3x3");
        this.slidingMoments = new Entry(cuda, FILE, "sliding_3x3_moments");
        this.direct = new Entry(cuda, FILE, "direct");
        this.slidingWeight = new Entry(cuda, FILE, "sliding_weight_3x3");
        this.directWeight = new Entry(cuda, FILE, "direct_weight");
        this.central = new Entry(cuda, FILE, "central_difference");
        this.centralBackward = new Entry(cuda, FILE, "central_difference_backward");
    }

    /** Whether what follows layers can be computed on the way. */
    boolean takes(List<Layer> layers, Geometry g, Behind behind) {
        View w = layers.getFirst().weight();
        return slides(w, g)
                && behind.times() == null
                && layers.stream().allMatch(l -> l.norm() != null)
                && (behind.activation() == Activation.NONE || behind.activation() == Activation.RELU);
    }

    /** Layers side by side, at most {@link LayerPointers#MOST}; {@code behind} null leaves their batch norms out. True. */
    boolean forward(View x, List<Layer> layers, Geometry g, Behind behind, View y) {
        forward(x, layers, g, behind, null, y);
        return true;
    }

    /** Their batch norms left out; mean and variance of what they give to {@code moments}. False where no kernel slides. */
    boolean measured(View x, List<Layer> layers, Geometry g, Moments moments, View y) {
        if (!slides(layers.getFirst().weight(), g) || !Moments.counts(layers.size(), y.size(3), WARP)) {
            return false;
        }
        forward(x, layers, g, null, moments, y);
        return true;
    }

    private void forward(View x, List<Layer> layers, Geometry g, Behind behind, Moments moments, View y) {
        Call call = new Call(x, y, layers.getFirst().weight(), layers.size(), g, false);
        long from = cuda.read(x);
        long[] weights = new long[layers.size()];
        long[] biases = new long[layers.size()];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = cuda.read(layers.get(i).weight());
            biases[i] = cuda.readOrNull(layers.get(i).bias());
        }
        call.run(from, cuda.write(y), weights, biases, behind == null ? List.of() : layers, behind, moments);
    }

    void backwardInput(View dy, List<View> weights, Geometry g, View dx) {
        Call call = new Call(dy, dx, weights.getFirst(), weights.size(), g, true);
        long from = cuda.read(dy);
        long[] w = weights.stream().mapToLong(cuda::read).toArray();
        call.run(from, cuda.write(dx), w, new long[0], List.of(), null, null);
    }

    /** Whether there are tickets enough for the gradients of weights like this one. */
    static boolean counts(View weight, int layers) {
        return layers * weight.size(2) * weight.size(3) * Math.ceilDiv(weight.size(0), 32) <= Tickets.COUNT;
    }

    void backwardWeight(View x, View dy, Geometry g, View... dweights) {
        Call call = new Call(x, dy, dweights[0], dweights.length, g, false);
        long from = cuda.read(x);
        long slope = cuda.read(dy);
        call.runWeight(from, slope, LayerPointers.written(cuda, dweights));
    }

    /** False for another dtype than float32 or more kernels than fit. */
    boolean centralDifference(View weight, double theta, View effective) {
        return central(central, weight, theta, effective);
    }

    /** As {@link #centralDifference}. */
    boolean centralDifferenceBackward(View deffective, double theta, View dweight) {
        return central(centralBackward, deffective, theta, dweight);
    }

    private boolean central(Entry entry, View weight, double theta, View to) {
        long kernels = weight.size(0) * weight.size(1);
        if (weight.dtype() != DType.F32 || to.dtype() != DType.F32 || kernels >= 1 << 30) {
            return false;
        }
        if (weight.elements() > 0) {
            long from = cuda.read(weight);
            Arguments a = Arguments.begin().pointer(from).pointer(cuda.write(to));
            for (View v : new View[] {weight, to}) {
                for (int d = 0; d < 4; d++) {
                    a.i64(v.stride(d));
                }
            }
            a.divisor(weight.size(1))
                    .i32((int) kernels)
                    .i32((int) weight.size(2))
                    .i32((int) weight.size(3));
            entry.launch(Engine.Grid.cover(kernels, THREADS), a.f32(theta));
        }
        return true;
    }

    private static boolean slides(View weight, Geometry g) {
        return weight.size(2) == 3 && weight.size(3) == 3 && g.stride() == 1;
    }

    /** One launch: {@code y} from {@code x} or, for the weight's gradient, beside it. */
    private final class Call {
        private final View x;
        private final View y;
        private final View weight;
        private final int layers;
        private final Geometry g;
        private final boolean backward;
        private final boolean slides;

        Call(View x, View y, View weight, int layers, Geometry g, boolean backward) {
            this.x = x;
            this.y = y;
            this.weight = weight;
            this.layers = layers;
            this.g = g;
            this.backward = backward;
            this.slides = slides(weight, g);
        }

        void run(
                long from, long to, long[] weights, long[] biases, List<Layer> normed, Behind behind, Moments moments) {
            boolean wide = wide(from, to);
            long words = words(wide);
            // Long segments load a line's columns once; short ones give a small batch enough threads.
            long segment = y.size(2);
            while (segment > 2 * TOGETHER
                    && y.size(0) * y.size(1) * Math.ceilDiv(y.size(2), segment) * words
                            < 16L * cuda.properties().multiprocessors()) {
                segment = Math.ceilDiv(segment, 2);
            }
            Engine.Grid grid = new Engine.Grid(Math.ceilDiv(units(segment), LANES), words, layers, THREADS, 0);
            try (Cuda.Scratch scratch = cuda.scratch()) {
                long[] measured = moments == null ? null : moments.addresses(cuda, scratch, grid.x(), counted);
                long[] none = new long[0];
                Arguments a = pack(from, to, segment, wide, weights, biases, none, 0, 0, measured, normed, behind);
                (moments != null ? slidingMoments : slides ? sliding : direct).launch(grid, a);
            }
        }

        void runWeight(long from, long slope, long[] to) {
            boolean wide = wide(from, slope);
            long units = units(y.size(2));
            long taps = weight.size(2) * weight.size(3);
            long words = words(wide);
            long parts = Math.clamp(
                    2L * cuda.properties().multiprocessors() / words / layers,
                    1,
                    Math.clamp(Math.ceilDiv(units, LANES), 1, MOST_PARTS));
            try (Cuda.Scratch scratch = cuda.scratch()) {
                long partial = scratch.take(DType.F32, layers * parts * taps * weight.size(0));
                long[] none = new long[0];
                long all = tickets.address();
                Arguments a = pack(from, slope, y.size(2), wide, none, none, to, partial, all, null, List.of(), null);
                Engine.Grid grid = new Engine.Grid(parts, words, slides ? layers : layers * taps, THREADS, 0);
                (slides ? slidingWeight : directWeight).launch(grid, a);
            }
        }

        /** Segments of a layer's lines. */
        private long units(long segment) {
            return y.size(0) / layers * y.size(1) * Math.ceilDiv(y.size(2), Math.max(1, segment));
        }

        private long words(boolean wide) {
            return Math.ceilDiv(y.size(3), wide ? 128 : 32);
        }

        private boolean wide(long from, long to) {
            return (from | to) % 16 == 0 && isWide(x) && isWide(y);
        }

        private static boolean isWide(View v) {
            return v.stride(3) == 1
                    && v.size(3) % 4 == 0
                    && v.stride(0) % 4 == 0
                    && v.stride(1) % 4 == 0
                    && v.stride(2) % 4 == 0;
        }

        private Arguments pack(
                long from,
                long to,
                long segment,
                boolean wide,
                long[] weights,
                long[] biases,
                long[] dweights,
                long partial,
                long ticketsOrNull,
                long[] measured,
                List<Layer> normed,
                Behind behind) {
            Arguments a = Arguments.begin();
            strided(a, from, x);
            strided(a, to, y);
            LayerPointers.pack(a, weights);
            LayerPointers.pack(a, biases);
            LayerPointers.pack(a, dweights);
            for (int i = 0; i < LayerPointers.MOST; i++) {
                LayerPointers.pack(a, cuda, i < normed.size() ? normed.get(i).norm() : null);
            }
            a.i64(weight.stride(0)).i64(weight.stride(2)).i64(weight.stride(3));
            a.pointer(partial).pointer(ticketsOrNull);
            Moments.pack(a, measured);
            a.i32((int) x.size(0) / layers).i32((int) x.size(1)).i32((int) x.size(2));
            a.i32((int) y.size(1)).i32((int) y.size(2)).i32((int) y.size(3));
            int kh = (int) weight.size(2);
            int kw = (int) weight.size(3);
            a.i32(kh).i32(kw);
            // Backwards a sliding kernel is the forward one with its taps in reverse and the rest of the padding.
            a.i32(backward ? 1 : g.stride());
            a.i32(backward ? -1 : 1);
            a.i32(backward ? g.padding() - (slides ? 2 : 0) : -g.padding());
            a.i32(backward ? 1 : 0);
            long segments = Math.ceilDiv(y.size(2), Math.max(1, segment));
            a.i32((int) segment).i32((int) segments).i32(wide ? 1 : 0);
            a.i32((int) units(segment));
            a.i32(behind == null ? 0 : behind.activation().ordinal()).f32(behind == null ? 0 : behind.eps());
            return a.divisor(backward ? g.stride() : 1)
                    .divisor(segments)
                    .divisor(y.size(1))
                    .divisor(kw)
                    .divisor((long) kh * kw);
        }

        private static void strided(Arguments a, long address, View v) {
            a.pointer(address)
                    .i64(v.stride(0))
                    .i64(v.stride(1))
                    .i64(v.stride(2))
                    .i64(v.stride(3));
        }
    }
}
