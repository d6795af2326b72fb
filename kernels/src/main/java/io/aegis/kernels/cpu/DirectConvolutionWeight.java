package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The gradient of {@link DirectConvolution}'s weights,
 *
 * <pre>
 *     dw[o, t, c] = sum over places p of dy[p, o] x[p + t, c]
 * </pre>
 *
 * A tile is 4 channels o by 2 vectors of channels c, or by 1 at the end, of one tap: it stays in registers while all places
 * go by.
 */
final class DirectConvolutionWeight {
    private DirectConvolutionWeight() {}

    /** Into {@code dweight}, whose memory is [O, kh, kw, C]; each of its places is one task's alone. */
    static void backwardWeight(View x, View dy, Geometry geometry, View dweight) {
        int channels = (int) x.size(3);
        int out = (int) dy.size(3);
        int kw = (int) dweight.size(3);
        int taps = (int) dweight.size(2) * kw;
        Frame frames = new Frame(x, geometry.padding());
        long line = frames.line();
        long frame = frames.elements();
        MemorySegment framed = Scratch.floats(Frame.SLOT, x.size(0) * frame);
        for (long b = 0; b < x.size(0); b++) {
            frames.fill(b, framed, b * frame);
        }
        MemorySegment dw = dweight.buffer().memory();
        long work = dy.elements() / out * DirectConvolution.TILE * channels;
        Workers.grains(
                (long) taps * out / DirectConvolution.TILE,
                Math.ceilDiv(DirectConvolution.GRAIN, work),
                (first, last) -> {
                    for (long task = first; task < last; task++) {
                        int tap = (int) (task % taps);
                        int o = (int) (task / taps) * DirectConvolution.TILE;
                        long from = tap / kw * line + (long) (tap % kw) * channels;
                        long to = dweight.offset() + ((long) o * taps + tap) * channels;
                        for (int c = 0; c < channels; c += 2 * Lanes.N) {
                            boolean single = c + Lanes.N == channels;
                            if (single) {
                                placesOfOne(framed, from + c, line, frame, dy, o, dw, to + c, taps, channels);
                            } else {
                                placesOfTwo(framed, from + c, line, frame, dy, o, dw, to + c, taps, channels);
                            }
                        }
                    }
                });
    }

    private static void placesOfTwo(
            MemorySegment x,
            long from,
            long line,
            long frame,
            View gradient,
            int o,
            MemorySegment dw,
            long to,
            int taps,
            int channels) {
        FloatVector a0 = Lanes.broadcast(0);
        FloatVector b0 = Lanes.broadcast(0);
        FloatVector a1 = Lanes.broadcast(0);
        FloatVector b1 = Lanes.broadcast(0);
        FloatVector a2 = Lanes.broadcast(0);
        FloatVector b2 = Lanes.broadcast(0);
        FloatVector a3 = Lanes.broadcast(0);
        FloatVector b3 = Lanes.broadcast(0);
        MemorySegment dy = gradient.buffer().memory();
        int height = (int) gradient.size(1);
        int width = (int) gradient.size(2);
        int lines = (int) gradient.size(0) * height;
        int out = (int) gradient.size(3);
        long d = gradient.offset() + o;
        for (int i = 0; i < lines; i++) {
            long p = from + i / height * frame + i % height * line;
            for (int j = 0; j < width; j++) {
                FloatVector s = Lanes.load(x, p);
                FloatVector t = Lanes.load(x, p + Lanes.N);
                FloatVector d0 = Lanes.broadcast(Lanes.get(dy, d));
                a0 = d0.fma(s, a0);
                b0 = d0.fma(t, b0);
                FloatVector d1 = Lanes.broadcast(Lanes.get(dy, d + 1));
                a1 = d1.fma(s, a1);
                b1 = d1.fma(t, b1);
                FloatVector d2 = Lanes.broadcast(Lanes.get(dy, d + 2));
                a2 = d2.fma(s, a2);
                b2 = d2.fma(t, b2);
                FloatVector d3 = Lanes.broadcast(Lanes.get(dy, d + 3));
                a3 = d3.fma(s, a3);
                b3 = d3.fma(t, b3);
                p += channels;
                d += out;
            }
        }
        long byOut = (long) taps * channels;
        Lanes.store(a0, dw, to);
        Lanes.store(b0, dw, to + Lanes.N);
        Lanes.store(a1, dw, to + byOut);
        Lanes.store(b1, dw, to + byOut + Lanes.N);
        Lanes.store(a2, dw, to + 2 * byOut);
        Lanes.store(b2, dw, to + 2 * byOut + Lanes.N);
        Lanes.store(a3, dw, to + 3 * byOut);
        Lanes.store(b3, dw, to + 3 * byOut + Lanes.N);
    }

    private static void placesOfOne(
            MemorySegment x,
            long from,
            long line,
            long frame,
            View gradient,
            int o,
            MemorySegment dw,
            long to,
            int taps,
            int channels) {
        FloatVector a0 = Lanes.broadcast(0);
        FloatVector a1 = Lanes.broadcast(0);
        FloatVector a2 = Lanes.broadcast(0);
        FloatVector a3 = Lanes.broadcast(0);
        MemorySegment dy = gradient.buffer().memory();
        int height = (int) gradient.size(1);
        int width = (int) gradient.size(2);
        int lines = (int) gradient.size(0) * height;
        int out = (int) gradient.size(3);
        long d = gradient.offset() + o;
        for (int i = 0; i < lines; i++) {
            long p = from + i / height * frame + i % height * line;
            for (int j = 0; j < width; j++) {
                FloatVector s = Lanes.load(x, p);
                a0 = Lanes.broadcast(Lanes.get(dy, d)).fma(s, a0);
                a1 = Lanes.broadcast(Lanes.get(dy, d + 1)).fma(s, a1);
                a2 = Lanes.broadcast(Lanes.get(dy, d + 2)).fma(s, a2);
                a3 = Lanes.broadcast(Lanes.get(dy, d + 3)).fma(s, a3);
                p += channels;
                d += out;
            }
        }
        long byOut = (long) taps * channels;
        Lanes.store(a0, dw, to);
        Lanes.store(a1, dw, to + byOut);
        Lanes.store(a2, dw, to + 2 * byOut);
        Lanes.store(a3, dw, to + 3 * byOut);
    }
}
