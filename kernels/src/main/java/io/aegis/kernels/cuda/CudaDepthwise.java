package io.aegis.kernels.cuda;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** depthwise.cu: one input and one output channel a group, float32 in any layout; and central-difference kernels. */
final class CudaDepthwise {
    static final Variant FILE = Variant.of("depthwise.cu");

    private static final int THREADS = 256;
    /** Segments of lines that a block works on at once. */
    private static final int LANES = 8;
    /** Columns that a thread has under way at once. */
    private static final int TOGETHER = 3;
    /** Blocks over which the gradient of a weight is summed, at most for each word of channels. */
    private static final int MOST_PARTS = 64;

    private final Cuda cuda;
    private final Tickets tickets;
    private final Entry sliding;
    private final Entry direct;
    private final Entry slidingWeight;
    private final Entry directWeight;
    private final Entry central;
    private final Entry centralBackward;

    CudaDepthwise(Cuda cuda) {
        this.cuda = cuda;
        this.tickets = new Tickets(cuda.engine());
        this.sliding = new Entry(cuda, FILE, "sliding_3x3");
        this.direct = new Entry(cuda, FILE, "direct");
        this.slidingWeight = new Entry(cuda, FILE, "sliding_weight_3x3");
        this.directWeight = new Entry(cuda, FILE, "direct_weight");
        this.central = new Entry(cuda, FILE, "central_difference");
        this.centralBackward = new Entry(cuda, FILE, "central_difference_backward");
    }

    void forward(View x, View weight, View bias, Geometry g, View y) {
        Call call = new Call(x, y, weight, g, false);
        long from = cuda.read(x);
        long w = cuda.read(weight);
        long b = cuda.readOrNull(bias);
        call.run(from, cuda.write(y), w, b);
    }

    void backwardInput(View dy, View weight, Geometry g, View dx) {
        Call call = new Call(dy, dx, weight, g, true);
        long from = cuda.read(dy);
        long w = cuda.read(weight);
        call.run(from, cuda.write(dx), w, 0);
    }

    /** Whether there are tickets enough for the gradient of this weight. */
    static boolean counts(View weight) {
        return weight.size(2) * weight.size(3) * Math.ceilDiv(weight.size(0), 32) <= Tickets.COUNT;
    }

    void backwardWeight(View x, View dy, Geometry g, View dweight) {
        Call call = new Call(x, dy, dweight, g, false);
        long from = cuda.read(x);
        long slope = cuda.read(dy);
        call.runWeight(from, slope, cuda.write(dweight));
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

    /** One launch: {@code y} from {@code x} or, for the weight's gradient, beside it. */
    private final class Call {
        private final View x;
        private final View y;
        private final View weight;
        private final Geometry g;
        private final boolean backward;
        private final boolean slides;

        Call(View x, View y, View weight, Geometry g, boolean backward) {
            this.x = x;
            this.y = y;
            this.weight = weight;
            this.g = g;
            this.backward = backward;
            this.slides = weight.size(2) == 3 && weight.size(3) == 3 && g.stride() == 1;
        }

        void run(long from, long to, long w, long bias) {
            boolean wide = wide(from, to);
            long words = words(wide);
            // Long segments load a line's columns once; short ones give a small batch enough threads.
            long segment = y.size(2);
            while (segment > 2 * TOGETHER
                    && y.size(0) * y.size(1) * Math.ceilDiv(y.size(2), segment) * words
                            < 16L * cuda.properties().multiprocessors()) {
                segment = Math.ceilDiv(segment, 2);
            }
            long units = y.size(0) * y.size(1) * Math.ceilDiv(y.size(2), segment);
            Arguments a = pack(from, to, segment, wide, w, bias, 0, 0, 0);
            Engine.Grid grid = new Engine.Grid(Math.ceilDiv(units, LANES), words, 1, THREADS, 0);
            (slides ? sliding : direct).launch(grid, a);
        }

        void runWeight(long from, long slope, long to) {
            boolean wide = wide(from, slope);
            long units = y.size(0) * y.size(1);
            long taps = weight.size(2) * weight.size(3);
            long words = words(wide);
            long parts = Math.clamp(
                    2L * cuda.properties().multiprocessors() / words,
                    1,
                    Math.clamp(Math.ceilDiv(units, LANES), 1, MOST_PARTS));
            try (Cuda.Scratch scratch = cuda.scratch()) {
                long partial = scratch.take(DType.F32, parts * taps * weight.size(0));
                Arguments a = pack(from, slope, y.size(2), wide, 0, 0, to, partial, tickets.address());
                Engine.Grid grid = new Engine.Grid(parts, words, slides ? 1 : taps, THREADS, 0);
                (slides ? slidingWeight : directWeight).launch(grid, a);
            }
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
                long w,
                long bias,
                long dweight,
                long partial,
                long ticketsOrNull) {
            Arguments a = Arguments.begin();
            strided(a, from, x);
            strided(a, to, y);
            a.pointer(w).pointer(bias).pointer(dweight);
            a.i64(weight.stride(0)).i64(weight.stride(2)).i64(weight.stride(3));
            a.pointer(partial).pointer(ticketsOrNull);
            a.i32((int) x.size(0)).i32((int) x.size(1)).i32((int) x.size(2));
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
            a.i32((int) (y.size(0) * y.size(1) * segments));
            return a.divisor(backward ? g.stride() : 1)
                    .divisor(segments)
                    .divisor(y.size(1))
                    .divisor(kw);
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
