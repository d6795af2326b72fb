package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Depthwise convolutions, channels last: y[p, c] = bias[c] + sum over taps of x[p + tap, c] w[tap, c]. Vectors run along
 * the channels, in blocks whose weights stay in the first-level cache.
 */
final class CpuDepthwise {
    private static final int BLOCK = 256;

    private CpuDepthwise() {}

    /** One channel in, one out, floats, weights [kh, kw, C] in memory. */
    static boolean fits(View x, View weight, Geometry geometry, View y) {
        return x.dtype() == DType.F32
                && weight.dtype() == DType.F32
                && y.dtype() == DType.F32
                && geometry.groups() > 1
                && weight.size(1) == 1
                && weight.size(0) == x.size(3)
                && x.stride(3) == 1
                && y.stride(3) == 1
                && weight.permute(2, 3, 1, 0).isContiguous();
    }

    static void forward(View x, View weight, View bias, Geometry geometry, View y) {
        slide(x, weight, bias, geometry.stride(), geometry.padding(), false, y);
    }

    /** The same with the kernel turned around, for stride 1. */
    static void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        int padding = (int) weight.size(2) - 1 - geometry.padding();
        slide(dy, weight, null, 1, padding, true, dx);
    }

    private static void slide(View x, View weight, View bias, int stride, int padding, boolean flipped, View y) {
        int channels = (int) y.size(3);
        int blocks = (channels + BLOCK - 1) / BLOCK;
        int lines = (int) (y.size(0) * y.size(1));
        Workers.run(blocks * lines, task -> {
            int c = task / lines * BLOCK;
            long b = task % lines / y.size(1);
            long i = task % lines % y.size(1);
            line(x, weight, bias, stride, padding, flipped, y, b, i, c, Math.min(channels, c + BLOCK));
        });
    }

    private static void line(
            View x,
            View weight,
            View bias,
            int stride,
            int padding,
            boolean flipped,
            View y,
            long b,
            long i,
            int from,
            int to) {
        MemorySegment in = x.buffer().memory();
        MemorySegment w = weight.buffer().memory();
        MemorySegment out = y.buffer().memory();
        int kh = (int) weight.size(2);
        int kw = (int) weight.size(3);
        long channels = weight.size(0);
        for (long j = 0; j < y.size(2); j++) {
            long target = y.index(b, i, j);
            for (int c = from; c < to; c += Lanes.N) {
                VectorMask<Float> lanes = Lanes.F.indexInRange(c, to);
                FloatVector sum = bias == null
                        ? Lanes.broadcast(0)
                        : Lanes.load(bias.buffer().memory(), bias.offset() + c, lanes);
                for (int u = 0; u < kh; u++) {
                    long row = i * stride + u - padding;
                    if (row < 0 || row >= x.size(1)) {
                        continue;
                    }
                    for (int v = 0; v < kw; v++) {
                        long column = j * stride + v - padding;
                        if (column < 0 || column >= x.size(2)) {
                            continue;
                        }
                        int tap = flipped ? kh * kw - 1 - (u * kw + v) : u * kw + v;
                        FloatVector a = Lanes.load(in, x.index(b, row, column) + c, lanes);
                        sum = a.fma(Lanes.load(w, weight.offset() + tap * channels + c, lanes), sum);
                    }
                }
                Lanes.store(sum, out, target + c, lanes);
            }
        }
    }

    /** dw[tap, c] = sum over places of dy[p, c] x[p + tap, c]: a range of channels a thread. */
    static void backwardWeight(View x, View dy, Geometry geometry, View dweight) {
        MemorySegment in = x.buffer().memory();
        MemorySegment grad = dy.buffer().memory();
        MemorySegment out = dweight.buffer().memory();
        int kh = (int) dweight.size(2);
        int kw = (int) dweight.size(3);
        long channels = dweight.size(0);
        Workers.ranges(channels, 4 * Workers.count(), Lanes.N, (from, to) -> {
            for (long c = from; c < to; c += Lanes.N) {
                VectorMask<Float> lanes = Lanes.F.indexInRange(c, to);
                for (int tap = 0; tap < kh * kw; tap++) {
                    int u = tap / kw - geometry.padding();
                    int v = tap % kw - geometry.padding();
                    FloatVector sum = Lanes.broadcast(0);
                    for (long b = 0; b < dy.size(0); b++) {
                        FloatVector picture = Lanes.broadcast(0); // sums of pictures, so that long sums lose less
                        for (long i = 0; i < dy.size(1); i++) {
                            long row = i * geometry.stride() + u;
                            if (row < 0 || row >= x.size(1)) {
                                continue;
                            }
                            for (long j = 0; j < dy.size(2); j++) {
                                long column = j * geometry.stride() + v;
                                if (column >= 0 && column < x.size(2)) {
                                    FloatVector g = Lanes.load(grad, dy.index(b, i, j) + c, lanes);
                                    picture = g.fma(Lanes.load(in, x.index(b, row, column) + c, lanes), picture);
                                }
                            }
                        }
                        sum = sum.add(picture);
                    }
                    Lanes.store(sum, out, dweight.offset() + tap * channels + c, lanes);
                }
            }
        });
    }
}
