package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
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
    private static final int PAIR = 2 * Lanes.N;

    private DirectConvolutionWeight() {}

    /** Into {@code dweight}, whose memory is [O, kh, kw, C]; each of its places is one task's alone. */
    static void backwardWeight(View x, View dy, Geometry geometry, View dweight) {
        int channels = (int) x.size(3);
        int out = (int) dy.size(3);
        int kw = (int) dweight.size(3);
        int taps = (int) dweight.size(2) * kw;
        Frame frame = new Frame(x, geometry.padding());
        int pictures = (int) x.size(0);
        int places = frame.places();
        float[] framed = blocks(frame, pictures, channels);
        // The gradient's lines are as long as the frame's, zeros behind: the places of a picture are one run in both.
        int lines = (int) dy.size(1);
        int rows = lines * frame.width();
        float[] gradients = quadruples(dy, frame.width());
        int run = rows - frame.width() + (int) dy.size(2);
        MemorySegment dw = dweight.buffer().memory();
        long work = dy.elements() / out * DirectConvolution.TILE * channels;
        Workers.grains(
                (long) taps * out / DirectConvolution.TILE,
                Math.ceilDiv(DirectConvolution.GRAIN, work),
                (first, last) -> {
                    for (long task = first; task < last; task++) {
                        int tap = (int) (task % taps);
                        int o = (int) (task / taps) * DirectConvolution.TILE;
                        int shift = tap / kw * frame.width() + tap % kw;
                        int d = o * pictures * rows;
                        long to = dweight.offset() + ((long) o * taps + tap) * channels;
                        for (int c = 0; c < channels; c += PAIR) {
                            int p = c * pictures * places;
                            if (c + Lanes.N == channels) {
                                ofOne(
                                        framed, p, shift, places, gradients, d, rows, run, pictures, dw, to + c, taps,
                                        channels);
                            } else {
                                ofTwo(
                                        framed, p, shift, places, gradients, d, rows, run, pictures, dw, to + c, taps,
                                        channels);
                            }
                        }
                    }
                });
    }

    /** Blocks of two vectors of channels, or one at the end, each of all pictures within their borders. */
    private static float[] blocks(Frame frame, int pictures, int channels) {
        int places = frame.places();
        int size = pictures * places * channels;
        float[] framed = Scratch.array(Scratch.FRAME, size);
        Arrays.fill(framed, 0, size, 0);
        for (int c = 0; c < channels; c += PAIR) {
            int width = DirectConvolution.blockWidth(c, channels);
            for (int b = 0; b < pictures; b++) {
                frame.fillBlock(b, c, width, framed, (c * pictures + b * width) * places);
            }
        }
        return framed;
    }

    /** Four channels at a time, each of all places: [O / 4, B, H, width, 4], zeros behind each line. */
    private static float[] quadruples(View dy, int width) {
        int out = (int) dy.size(3);
        int inner = (int) dy.size(2);
        int lines = (int) (dy.size(0) * dy.size(1));
        int tile = DirectConvolution.TILE;
        float[] to = Scratch.array(Scratch.GRADIENTS, lines * width * out);
        MemorySegment from = dy.buffer().memory();
        for (int line = 0; line < lines; line++) {
            for (int o = 0; o < out; o += tile) {
                int at = (o * lines + line * tile) * width;
                long place = dy.offset() + (long) line * inner * out + o;
                for (int j = 0; j < inner; j++) {
                    for (int i = 0; i < tile; i++) {
                        to[at + j * tile + i] = Lanes.get(from, place + (long) j * out + i);
                    }
                }
                Arrays.fill(to, at + inner * tile, at + width * tile, 0);
            }
        }
        return to;
    }

    private static void ofTwo(
            float[] x,
            int block,
            int shift,
            int places,
            float[] dy,
            int from,
            int rows,
            int run,
            int pictures,
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
        for (int b = 0; b < pictures; b++) {
            int p = block + (b * places + shift) * PAIR;
            int d = from + b * rows * DirectConvolution.TILE;
            for (int r = 0; r < run; r++) {
                FloatVector s = FloatVector.fromArray(Lanes.F, x, p + r * PAIR);
                FloatVector t = FloatVector.fromArray(Lanes.F, x, p + r * PAIR + Lanes.N);
                FloatVector d0 = Lanes.broadcast(dy[d + r * 4]);
                a0 = d0.fma(s, a0);
                b0 = d0.fma(t, b0);
                FloatVector d1 = Lanes.broadcast(dy[d + r * 4 + 1]);
                a1 = d1.fma(s, a1);
                b1 = d1.fma(t, b1);
                FloatVector d2 = Lanes.broadcast(dy[d + r * 4 + 2]);
                a2 = d2.fma(s, a2);
                b2 = d2.fma(t, b2);
                FloatVector d3 = Lanes.broadcast(dy[d + r * 4 + 3]);
                a3 = d3.fma(s, a3);
                b3 = d3.fma(t, b3);
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

    private static void ofOne(
            float[] x,
            int block,
            int shift,
            int places,
            float[] dy,
            int from,
            int rows,
            int run,
            int pictures,
            MemorySegment dw,
            long to,
            int taps,
            int channels) {
        FloatVector a0 = Lanes.broadcast(0);
        FloatVector a1 = Lanes.broadcast(0);
        FloatVector a2 = Lanes.broadcast(0);
        FloatVector a3 = Lanes.broadcast(0);
        for (int b = 0; b < pictures; b++) {
            int p = block + (b * places + shift) * Lanes.N;
            int d = from + b * rows * DirectConvolution.TILE;
            for (int r = 0; r < run; r++) {
                FloatVector s = FloatVector.fromArray(Lanes.F, x, p + r * Lanes.N);
                a0 = Lanes.broadcast(dy[d + r * 4]).fma(s, a0);
                a1 = Lanes.broadcast(dy[d + r * 4 + 1]).fma(s, a1);
                a2 = Lanes.broadcast(dy[d + r * 4 + 2]).fma(s, a2);
                a3 = Lanes.broadcast(dy[d + r * 4 + 3]).fma(s, a3);
            }
        }
        long byOut = (long) taps * channels;
        Lanes.store(a0, dw, to);
        Lanes.store(a1, dw, to + byOut);
        Lanes.store(a2, dw, to + 2 * byOut);
        Lanes.store(a3, dw, to + 3 * byOut);
    }
}
