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
 * Pictures are first copied into a {@link Frame} of zeros, so that no loop asks where it is. A tile is 4 places by 2 vectors
 * of channels, or by 1 at the end, and stays in registers: 8 multiply-adds for 6 loads. The gradient of the weights is
 * {@link DirectConvolutionWeight}.
 */
final class DirectConvolution {
    static final int TILE = 4;

    /** Weights of more elements are left to a product of matrices, which goes over them in blocks. */
    private static final long MOST_WEIGHTS = 1 << 18;

    /** Multiply-adds of a task, at least. */
    static final long GRAIN = 1 << 20;

    private static final int TURNED = 3;
    private static final int START = 4;

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
                && x.size(2) >= TILE;
    }

    static void forward(View x, View weight, View bias, Geometry geometry, View y) {
        long o = weight.size(0);
        long rows = weight.elements() / o;
        MemorySegment w = weight.buffer().memory();
        MemorySegment turned = Scratch.floats(TURNED, weight.elements());
        for (long k = 0; k < o; k++) {
            for (long r = 0; r < rows; r++) {
                Lanes.set(turned, r * o + k, Lanes.get(w, weight.offset() + k * rows + r));
            }
        }
        Kernel kernel = new Kernel(turned, 0, weight, o, false);
        slide(x, kernel, bias, geometry.padding(), y);
    }

    static void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        MemorySegment w = weight.buffer().memory();
        Kernel kernel = new Kernel(w, weight.offset(), weight, weight.elements() / weight.size(0), true);
        slide(dy, kernel, null, (int) weight.size(2) - 1 - geometry.padding(), dx);
    }

    /** Weights as rows of channels that come out, a row a tap and channel that goes in. */
    private static final class Kernel {
        final MemorySegment memory;
        final long offset;
        final int kh;
        final int kw;
        final long byTap;
        final long byRow;
        final boolean flipped;

        Kernel(MemorySegment memory, long offset, View weight, long byRow, boolean flipped) {
            this.memory = memory;
            this.offset = offset;
            kh = (int) weight.size(2);
            kw = (int) weight.size(3);
            this.byRow = byRow;
            this.flipped = flipped;
            byTap = flipped ? weight.size(1) : weight.size(1) * byRow;
        }

        long tap(int u, int v) {
            return offset + (flipped ? (kh - 1 - u) * kw + kw - 1 - v : u * kw + v) * byTap;
        }
    }

    private static void slide(View x, Kernel kernel, View bias, int padding, View y) {
        int channels = (int) x.size(3);
        int out = (int) y.size(3);
        int height = (int) y.size(1);
        int width = (int) y.size(2);
        Frame frame = new Frame(x, padding);
        long line = frame.line();
        long work = (long) height * width * kernel.kh * kernel.kw * channels * out;
        MemorySegment into = y.buffer().memory();
        MemorySegment start = Scratch.floats(START, out);
        if (bias == null) {
            Patches.clear(start, 0, out);
        } else {
            MemorySegment.copy(bias.buffer().memory(), bias.offset() << 2, start, 0, (long) out << 2);
        }
        Workers.grains(x.size(0), Math.ceilDiv(GRAIN, work), (first, last) -> {
            MemorySegment framed = Scratch.floats(Frame.SLOT, frame.elements());
            for (long b = first; b < last; b++) {
                frame.fill(b, framed, 0);
                for (int k = 0; k < out; k += 2 * Lanes.N) {
                    for (int i = 0; i < height; i++) {
                        for (int j = 0; j < width; j += TILE) {
                            int at = Math.min(j, width - TILE); // the last tile of a line may repeat some places
                            long from = i * line + (long) at * channels;
                            long to = y.offset() + b * y.stride(0) + i * y.stride(1) + (long) at * out + k;
                            if (k + Lanes.N < out) {
                                two(framed, from, line, channels, kernel, start, k, into, to, out);
                            } else {
                                one(framed, from, line, channels, kernel, start, k, into, to, out);
                            }
                        }
                    }
                }
            }
        });
    }

    /** 4 places, 2 vectors of channels from k on. */
    private static void two(
            MemorySegment x,
            long from,
            long line,
            int channels,
            Kernel kernel,
            MemorySegment start,
            int k,
            MemorySegment y,
            long to,
            int out) {
        FloatVector a0 = Lanes.load(start, k);
        FloatVector b0 = Lanes.load(start, k + Lanes.N);
        FloatVector a1 = a0;
        FloatVector b1 = b0;
        FloatVector a2 = a0;
        FloatVector b2 = b0;
        FloatVector a3 = a0;
        FloatVector b3 = b0;
        MemorySegment w = kernel.memory;
        long byRow = kernel.byRow;
        for (int u = 0; u < kernel.kh; u++) {
            for (int v = 0; v < kernel.kw; v++) {
                long p = from + u * line + (long) v * channels;
                long q = kernel.tap(u, v) + k;
                for (int r = 0; r < channels; r++) {
                    FloatVector s = Lanes.load(w, q);
                    FloatVector t = Lanes.load(w, q + Lanes.N);
                    FloatVector x0 = Lanes.broadcast(Lanes.get(x, p + r));
                    a0 = x0.fma(s, a0);
                    b0 = x0.fma(t, b0);
                    FloatVector x1 = Lanes.broadcast(Lanes.get(x, p + channels + r));
                    a1 = x1.fma(s, a1);
                    b1 = x1.fma(t, b1);
                    FloatVector x2 = Lanes.broadcast(Lanes.get(x, p + 2L * channels + r));
                    a2 = x2.fma(s, a2);
                    b2 = x2.fma(t, b2);
                    FloatVector x3 = Lanes.broadcast(Lanes.get(x, p + 3L * channels + r));
                    a3 = x3.fma(s, a3);
                    b3 = x3.fma(t, b3);
                    q += byRow;
                }
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
            MemorySegment x,
            long from,
            long line,
            int channels,
            Kernel kernel,
            MemorySegment start,
            int k,
            MemorySegment y,
            long to,
            int out) {
        FloatVector a0 = Lanes.load(start, k);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        MemorySegment w = kernel.memory;
        long byRow = kernel.byRow;
        for (int u = 0; u < kernel.kh; u++) {
            for (int v = 0; v < kernel.kw; v++) {
                long p = from + u * line + (long) v * channels;
                long q = kernel.tap(u, v) + k;
                for (int r = 0; r < channels; r++) {
                    FloatVector s = Lanes.load(w, q);
                    a0 = Lanes.broadcast(Lanes.get(x, p + r)).fma(s, a0);
                    a1 = Lanes.broadcast(Lanes.get(x, p + channels + r)).fma(s, a1);
                    a2 = Lanes.broadcast(Lanes.get(x, p + 2L * channels + r)).fma(s, a2);
                    a3 = Lanes.broadcast(Lanes.get(x, p + 3L * channels + r)).fma(s, a3);
                    q += byRow;
                }
            }
        }
        Lanes.store(a0, y, to);
        Lanes.store(a1, y, to + out);
        Lanes.store(a2, y, to + 2L * out);
        Lanes.store(a3, y, to + 3L * out);
    }
}
