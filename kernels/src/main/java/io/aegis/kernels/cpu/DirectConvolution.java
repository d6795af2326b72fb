package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Convolutions of few channels with stride 1, straight from the picture: where the weights stay in the cache, gathering
 * patches and packing them for a product costs more than the product.
 *
 * <pre>
 *     y[p, o]     = sum over taps t, channels c of x[p + t, c] w[t, c, o]
 *     dx[p, c]    = sum over t, o of dy[p - t, o] w[o, t, c]                 the same sum, the kernel turned around
 * </pre>
 *
 * Pictures are first copied into a {@link Frame} of zeros, so that no loop asks where it is, and weights into the order
 * they are read in; both into arrays, where the compiler checks bounds once a loop. A tile is 4 places by 2 vectors
 * of channels, or by 1 at the end, and stays in registers: 8 multiply-adds for 6 loads. The gradient of the weights is
 * {@link DirectConvolutionWeight}.
 */
final class DirectConvolution {
    static final int TILE = 4;

    /** Weights of more elements are left to a product of matrices, which goes over them in blocks. */
    private static final long MOST_WEIGHTS = 1 << 18;

    /** Elements of pictures within their borders: what an array on the heap may take. */
    private static final long MOST_FRAMED = 1 << 24;

    /** Multiply-adds of a task, at least. */
    static final long GRAIN = 1 << 20;

    private static final int PAIR = 2 * Lanes.N;

    private DirectConvolution() {}

    /** Besides what every dense convolution here is: stride 1, whole vectors of channels, lines of a tile at least. */
    static boolean fits(View x, View weight, Geometry geometry, View y) {
        return geometry.stride() == 1
                && weight.size(2) == weight.size(3)
                && weight.size(2) > 1
                && geometry.padding() < weight.size(2)
                && weight.elements() <= MOST_WEIGHTS
                && weight.size(0) % Lanes.N == 0
                && weight.size(1) % Lanes.N == 0
                && y.size(2) >= TILE
                && x.size(2) >= TILE
                && framed(x, weight) <= MOST_FRAMED
                && framed(y, weight) <= MOST_FRAMED;
    }

    /** As {@link #fits}, for the gradient of the weights, which frames all pictures at once. */
    static boolean fitsTogether(View x, View weight, Geometry geometry, View dy) {
        return fits(x, weight, geometry, dy)
                && x.size(0) * Math.max(framed(x, weight), framed(dy, weight)) <= MOST_FRAMED;
    }

    /** Elements of one picture within the widest border. */
    private static long framed(View x, View weight) {
        long border = 2 * (weight.size(2) - 1);
        return (x.size(1) + border) * (x.size(2) + border) * x.size(3);
    }

    static void forward(View x, View weight, View bias, Geometry geometry, View y) {
        int out = (int) weight.size(0);
        int rows = (int) weight.elements() / out;
        MemorySegment w = weight.buffer().memory();
        float[] packed = Scratch.array(Scratch.WEIGHTS, rows * out);
        for (int k = 0; k < out; k++) {
            int width = blockWidth(k, out);
            int to = k / PAIR * PAIR * rows + k % PAIR;
            long from = weight.offset() + (long) k * rows;
            for (int r = 0; r < rows; r++) {
                packed[to + r * width] = Lanes.get(w, from + r);
            }
        }
        slide(x, packed, (int) weight.size(2), bias, geometry.padding(), y);
    }

    static void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        int in = (int) weight.size(0);
        int out = (int) weight.size(1);
        int taps = (int) (weight.elements() / in / out);
        MemorySegment w = weight.buffer().memory();
        float[] packed = Scratch.array(Scratch.WEIGHTS, taps * in * out);
        for (int k = 0; k < out; k += PAIR) {
            int width = blockWidth(k, out);
            for (int tap = 0; tap < taps; tap++) {
                int to = k * taps * in + tap * in * width;
                long from = weight.offset() + (long) (taps - 1 - tap) * out + k;
                for (int r = 0; r < in; r++) {
                    for (int v = 0; v < width; v += Lanes.N) {
                        Lanes.load(w, from + (long) r * taps * out + v).intoArray(packed, to + r * width + v);
                    }
                }
            }
        }
        slide(dy, packed, (int) weight.size(2), null, (int) weight.size(2) - 1 - geometry.padding(), dx);
    }

    /** Two vectors, or one at the end. */
    static int blockWidth(int channel, int channels) {
        return Math.min(PAIR, channels - channel / PAIR * PAIR);
    }

    /**
     * @param w blocks of channels that come out, one behind the other; in each a row for each tap and channel that goes in
     * @param side of the kernel
     */
    private static void slide(View x, float[] w, int side, View bias, int padding, View y) {
        int channels = (int) x.size(3);
        int out = (int) y.size(3);
        int height = (int) y.size(1);
        int width = (int) y.size(2);
        int run = side * channels;
        Frame frame = new Frame(x, padding);
        int line = frame.width() * channels;
        long work = (long) height * width * side * run * out;
        MemorySegment into = y.buffer().memory();
        float[] start = new float[out];
        if (bias != null) {
            Lanes.toArray(bias.buffer().memory(), bias.offset(), start, out);
        }
        Workers.grains(x.size(0), Math.ceilDiv(GRAIN, work), (first, last) -> {
            float[] framed = Scratch.array(Scratch.FRAME, frame.places() * channels);
            for (long b = first; b < last; b++) {
                frame.fill(b, framed);
                for (int k = 0; k < out; k += PAIR) {
                    int q = k * side * run;
                    for (int i = 0; i < height; i++) {
                        for (int j = 0; j < width; j += TILE) {
                            int at = Math.min(j, width - TILE); // the last tile of a line may repeat some places
                            int from = i * line + at * channels;
                            long to = y.offset() + b * y.stride(0) + i * y.stride(1) + (long) at * out + k;
                            if (k + Lanes.N < out) {
                                two(framed, from, line, channels, w, q, side, run, start, k, into, to, out);
                            } else {
                                one(framed, from, line, channels, w, q, side, run, start, k, into, to, out);
                            }
                        }
                    }
                }
            }
        });
    }

    /** 4 places, 2 vectors of channels from k on; a line of taps is one run of x and of w. */
    private static void two(
            float[] x,
            int from,
            int line,
            int channels,
            float[] w,
            int weight,
            int side,
            int run,
            float[] start,
            int k,
            MemorySegment y,
            long to,
            int out) {
        FloatVector a0 = FloatVector.fromArray(Lanes.F, start, k);
        FloatVector b0 = FloatVector.fromArray(Lanes.F, start, k + Lanes.N);
        FloatVector a1 = a0;
        FloatVector b1 = b0;
        FloatVector a2 = a0;
        FloatVector b2 = b0;
        FloatVector a3 = a0;
        FloatVector b3 = b0;
        for (int u = 0; u < side; u++) {
            int p0 = from + u * line;
            int p1 = p0 + channels;
            int p2 = p1 + channels;
            int p3 = p2 + channels;
            int q = weight + u * run * PAIR;
            for (int r = 0; r < run; r++) {
                FloatVector s = FloatVector.fromArray(Lanes.F, w, q + r * PAIR);
                FloatVector t = FloatVector.fromArray(Lanes.F, w, q + r * PAIR + Lanes.N);
                FloatVector x0 = Lanes.broadcast(x[p0 + r]);
                a0 = x0.fma(s, a0);
                b0 = x0.fma(t, b0);
                FloatVector x1 = Lanes.broadcast(x[p1 + r]);
                a1 = x1.fma(s, a1);
                b1 = x1.fma(t, b1);
                FloatVector x2 = Lanes.broadcast(x[p2 + r]);
                a2 = x2.fma(s, a2);
                b2 = x2.fma(t, b2);
                FloatVector x3 = Lanes.broadcast(x[p3 + r]);
                a3 = x3.fma(s, a3);
                b3 = x3.fma(t, b3);
            }
        }
        Lanes.store(a0, y, to);
        Lanes.store(b0, y, to + Lanes.N);
        Lanes.store(a1, y, to + out);
        Lanes.store(b1, y, to + out + Lanes.N);
        Lanes.store(a2, y, to + 2L * out);
        Lanes.store(b2, y, to + 2L * out + Lanes.N);
        Lanes.store(a3, y, to + 3L * out);
        Lanes.store(b3, y, to + 3L * out + Lanes.N);
    }

    /** 4 places, 1 vector of channels from k on. */
    private static void one(
            float[] x,
            int from,
            int line,
            int channels,
            float[] w,
            int weight,
            int side,
            int run,
            float[] start,
            int k,
            MemorySegment y,
            long to,
            int out) {
        FloatVector a0 = FloatVector.fromArray(Lanes.F, start, k);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        for (int u = 0; u < side; u++) {
            int p0 = from + u * line;
            int p1 = p0 + channels;
            int p2 = p1 + channels;
            int p3 = p2 + channels;
            int q = weight + u * run * Lanes.N;
            for (int r = 0; r < run; r++) {
                FloatVector s = FloatVector.fromArray(Lanes.F, w, q + r * Lanes.N);
                a0 = Lanes.broadcast(x[p0 + r]).fma(s, a0);
                a1 = Lanes.broadcast(x[p1 + r]).fma(s, a1);
                a2 = Lanes.broadcast(x[p2 + r]).fma(s, a2);
                a3 = Lanes.broadcast(x[p3 + r]).fma(s, a3);
            }
        }
        Lanes.store(a0, y, to);
        Lanes.store(a1, y, to + out);
        Lanes.store(a2, y, to + 2L * out);
        Lanes.store(a3, y, to + 3L * out);
    }
}
