package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

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
        slide(new Map(x), weight, bias, geometry.stride(), geometry.padding(), false, new Map(y));
    }

    /** The same with the kernel turned around, for stride 1. */
    static void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        int padding = (int) weight.size(2) - 1 - geometry.padding();
        slide(new Map(dy), weight, null, 1, padding, true, new Map(dx));
    }

    /** A picture [B, H, W, C] as the loops need it: numbers, not calls. */
    private static final class Map {
        final MemorySegment memory;
        final long offset;
        final int pictures;
        final int height;
        final int width;
        final int channels;
        final long byPicture;
        final long byLine;
        final long byColumn;

        Map(View x) {
            memory = x.buffer().memory();
            offset = x.offset();
            pictures = (int) x.size(0);
            height = (int) x.size(1);
            width = (int) x.size(2);
            channels = (int) x.size(3);
            byPicture = x.stride(0);
            byLine = x.stride(1);
            byColumn = x.stride(2);
        }

        long at(int b, int i, int j) {
            return offset + b * byPicture + i * byLine + j * byColumn;
        }
    }

    private static void slide(Map x, View weight, View bias, int stride, int padding, boolean flipped, Map y) {
        int kh = (int) weight.size(2);
        int kw = (int) weight.size(3);
        int blocks = (y.channels + BLOCK - 1) / BLOCK;
        int lines = y.pictures * y.height;
        MemorySegment b = bias == null ? null : bias.buffer().memory();
        long biasOffset = bias == null ? 0 : bias.offset();
        Workers.grains(
                (long) blocks * lines, Math.max(1, 8192 / (y.width * Math.min(BLOCK, y.channels))), (first, last) -> {
                    for (long task = first; task < last; task++) {
                        int from = (int) (task / lines) * BLOCK;
                        int line = (int) (task % lines);
                        line(
                                x,
                                weight.buffer().memory(),
                                weight.offset(),
                                kh,
                                kw,
                                b,
                                biasOffset,
                                stride,
                                padding,
                                flipped,
                                y,
                                line / y.height,
                                line % y.height,
                                from,
                                Math.min(y.channels, from + BLOCK));
                    }
                });
    }

    private static void line(
            Map x,
            MemorySegment w,
            long weight,
            int kh,
            int kw,
            MemorySegment bias,
            long biasOffset,
            int stride,
            int padding,
            boolean flipped,
            Map y,
            int b,
            int i,
            int from,
            int to) {
        int firstU = Math.max(0, padding - i * stride);
        int lastU = Math.min(kh, x.height + padding - i * stride);
        for (int j = 0; j < y.width; j++) {
            int firstV = Math.max(0, padding - j * stride);
            int lastV = Math.min(kw, x.width + padding - j * stride);
            long source = x.at(b, i * stride - padding, j * stride - padding);
            long target = y.at(b, i, j);
            int c = from;
            for (; c <= to - Lanes.N; c += Lanes.N) {
                FloatVector sum = bias == null ? Lanes.broadcast(0) : Lanes.load(bias, biasOffset + c);
                for (int u = firstU; u < lastU; u++) {
                    for (int v = firstV; v < lastV; v++) {
                        int tap = flipped ? kh * kw - 1 - (u * kw + v) : u * kw + v;
                        FloatVector a = Lanes.load(x.memory, source + u * x.byLine + v * x.byColumn + c);
                        sum = a.fma(Lanes.load(w, weight + (long) tap * y.channels + c), sum);
                    }
                }
                Lanes.store(sum, y.memory, target + c);
            }
            for (; c < to; c++) {
                float sum = bias == null ? 0 : Lanes.get(bias, biasOffset + c);
                for (int u = firstU; u < lastU; u++) {
                    for (int v = firstV; v < lastV; v++) {
                        int tap = flipped ? kh * kw - 1 - (u * kw + v) : u * kw + v;
                        float a = Lanes.get(x.memory, source + u * x.byLine + v * x.byColumn + c);
                        sum = Math.fma(a, Lanes.get(w, weight + (long) tap * y.channels + c), sum);
                    }
                }
                Lanes.set(y.memory, target + c, sum);
            }
        }
    }

    /** dw[tap, c] = sum over places of dy[p, c] x[p + tap, c]: a range of channels a thread. */
    static void backwardWeight(View x, View dy, Geometry geometry, View dweight) {
        Map in = new Map(x);
        Map grad = new Map(dy);
        MemorySegment out = dweight.buffer().memory();
        int kh = (int) dweight.size(2);
        int kw = (int) dweight.size(3);
        Workers.grains(grad.channels, Sums.STRIPE, Sums.UNIT, (from, to) -> {
            for (int tap = 0; tap < kh * kw; tap++) {
                int u = tap / kw - geometry.padding();
                int v = tap % kw - geometry.padding();
                long at = dweight.offset() + (long) tap * grad.channels;
                long c = from;
                for (; c <= to - Lanes.N; c += Lanes.N) {
                    Lanes.store(tap(in, grad, geometry.stride(), u, v, c), out, at + c);
                }
                for (; c < to; c++) {
                    Lanes.set(out, at + c, single(in, grad, geometry.stride(), u, v, c));
                }
            }
        });
    }

    /** One channel, behind the last whole vector. */
    private static float single(Map x, Map dy, int stride, int u, int v, long c) {
        double sum = 0;
        for (int b = 0; b < dy.pictures; b++) {
            for (int i = 0; i < dy.height; i++) {
                for (int j = 0; j < dy.width; j++) {
                    int row = i * stride + u;
                    int column = j * stride + v;
                    if (row >= 0 && row < x.height && column >= 0 && column < x.width) {
                        sum += Lanes.get(dy.memory, dy.at(b, i, j) + c) * Lanes.get(x.memory, x.at(b, row, column) + c);
                    }
                }
            }
        }
        return (float) sum;
    }

    private static FloatVector tap(Map x, Map dy, int stride, int u, int v, long c) {
        // Places whose tap lies inside the picture.
        int firstJ = v >= 0 ? 0 : (-v + stride - 1) / stride;
        int lastJ = Math.min(dy.width, (x.width - v + stride - 1) / stride);
        FloatVector sum = Lanes.broadcast(0);
        for (int b = 0; b < dy.pictures; b++) {
            FloatVector picture = Lanes.broadcast(0); // sums of pictures, so that long sums lose less
            for (int i = 0; i < dy.height; i++) {
                int row = i * stride + u;
                if (row < 0 || row >= x.height) {
                    continue;
                }
                long g = dy.at(b, i, 0) + c;
                long a = x.at(b, row, v) + c;
                for (int j = firstJ; j < lastJ; j++) {
                    FloatVector d = Lanes.load(dy.memory, g + j * dy.byColumn);
                    picture = d.fma(Lanes.load(x.memory, a + j * stride * x.byColumn), picture);
                }
            }
            sum = sum.add(picture);
        }
        return sum;
    }
}
