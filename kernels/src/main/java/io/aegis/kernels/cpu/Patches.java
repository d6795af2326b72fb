package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The matrix of patches of a picture [B, H, W, C] under a convolution: row (b, i, j) is the patch that becomes y[b, i, j],
 * column (tap, c) in the order of the weights' memory. It is never whole: blocks of it are gathered, or folded back.
 */
final class Patches {
    private final MemorySegment memory;
    private final long pictures;
    private final long offset;
    private final long byPicture;
    private final long byLine;
    private final long byColumn;
    private final int channels;
    private final int kw;
    private final int taps;
    private final int stride;
    private final int padding;
    private final long height;
    private final long width;
    private final int outHeight;
    private final int outWidth;

    Patches(View x, View weight, Geometry geometry, View y) {
        memory = x.buffer().memory();
        pictures = x.size(0);
        offset = x.offset();
        byPicture = x.stride(0);
        byLine = x.stride(1);
        byColumn = x.stride(2);
        channels = (int) x.size(3);
        kw = (int) weight.size(3);
        taps = (int) (weight.size(2) * kw);
        stride = geometry.stride();
        padding = geometry.padding();
        height = x.size(1);
        width = x.size(2);
        outHeight = (int) y.size(1);
        outWidth = (int) y.size(2);
    }

    long rows() {
        return pictures * rowsOfOne();
    }

    long rowsOfOne() {
        return (long) outHeight * outWidth;
    }

    long columns() {
        return (long) taps * channels;
    }

    /** Copies rows {@code from..to}, columns {@code left..right}, densely into {@code into}; outside the picture is 0. */
    void gather(long from, long to, long left, long right, MemorySegment into) {
        int firstTap = (int) (left / channels);
        int lastTap = (int) ((right - 1) / channels);
        long at = 0;
        for (long row = from; row < to; row++) {
            for (int tap = firstTap; tap <= lastTap; tap++) {
                int c = tap == firstTap ? (int) (left - (long) tap * channels) : 0;
                int end = tap == lastTap ? (int) (right - (long) tap * channels) : channels;
                long source = place(row, tap);
                if (source < 0) {
                    clear(into, at, end - c);
                } else {
                    copy(memory, source + c, into, at, end - c);
                }
                at += end - c;
            }
        }
    }

    /** Adds rows {@code from..to}, all columns, to the places that they came from. */
    void fold(long from, long to, MemorySegment patches) {
        for (long row = from; row < to; row++) {
            for (int tap = 0; tap < taps; tap++) {
                long target = place(row, tap);
                if (target >= 0) {
                    add(patches, ((row - from) * taps + tap) * channels, memory, target, channels);
                }
            }
        }
    }

    /** Writes zeros over one picture. */
    void clear(long picture) {
        for (long i = 0; i < height; i++) {
            for (long j = 0; j < width; j++) {
                clear(memory, offset + picture * byPicture + i * byLine + j * byColumn, channels);
            }
        }
    }

    /** Where the first channel of a tap of a row lies; -1 in the padding. */
    private long place(long row, int tap) {
        int inPicture = (int) (row % (outHeight * outWidth));
        long i = (long) (inPicture / outWidth) * stride + tap / kw - padding;
        long j = (long) (inPicture % outWidth) * stride + tap % kw - padding;
        if (i < 0 || j < 0 || i >= height || j >= width) {
            return -1;
        }
        return offset + row / ((long) outHeight * outWidth) * byPicture + i * byLine + j * byColumn;
    }

    /** Short rows: a bulk copy would cost more to start than to do. */
    private static void copy(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Lanes.get(x, ix + i));
        }
    }

    private static void clear(MemorySegment y, long iy, int n) {
        FloatVector zero = Lanes.broadcast(0);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(zero, y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, 0);
        }
    }

    private static void add(MemorySegment a, long ia, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(a, ia + i).add(Lanes.load(y, iy + i)), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Lanes.get(a, ia + i) + Lanes.get(y, iy + i));
        }
    }
}
