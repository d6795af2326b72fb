package io.aegis.kernels.cpu;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * The matrix of patches of a picture [B, H, W, C] under a convolution: row (b, i, j) is the patch that becomes y[b, i, j],
 * column (tap, c) in the order of the weights' memory; a line of a patch is one run in memory, because the pixels of a line
 * lie side by side. The matrix is never whole: blocks of it are gathered, or folded back.
 */
final class Patches {
    private final MemorySegment memory;
    private final long pictures;
    private final long offset;
    private final long byPicture;
    private final long byLine;
    private final int channels;
    private final int kw;
    private final int taps;
    private final int stride;
    private final int padding;
    private final long height;
    private final long width;
    private final int outHeight;
    private final int outWidth;
    private final boolean pixels;

    Patches(View x, View weight, Geometry geometry, View y) {
        memory = x.buffer().memory();
        pictures = x.size(0);
        offset = x.offset();
        byPicture = x.stride(0);
        byLine = x.stride(1);
        channels = (int) x.size(3);
        kw = (int) weight.size(3);
        taps = (int) (weight.size(2) * kw);
        stride = geometry.stride();
        padding = geometry.padding();
        height = x.size(1);
        width = x.size(2);
        outHeight = (int) y.size(1);
        outWidth = (int) y.size(2);
        pixels = taps == 1 && stride == 1 && padding == 0 && x.isContiguous();
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

    /**
     * Rows {@code from..to}, columns {@code left..right}: the picture itself where a patch is a pixel, else a copy in this
     * slot of scratch memory.
     */
    Operand block(long from, long to, long left, long right, int slot) {
        if (pixels) {
            return Operand.floats(memory, offset + from * channels + left, to - from, right - left, channels);
        }
        MemorySegment copy = Scratch.floats(slot, (to - from) * (right - left));
        gather(from, to, left, right, copy);
        return Operand.floats(copy, 0, to - from, right - left, right - left);
    }

    /** Where to write rows {@code from..to}, all columns, before they are folded: the picture itself, if it needs no folding. */
    Part room(long from, long to, int slot) {
        return pixels
                ? Part.all(to - from, channels, memory, offset + from * channels, channels)
                : Part.all(to - from, columns(), Scratch.floats(slot, (to - from) * columns()), 0, columns());
    }

    /** Whether rows of the matrix are the pixels of the picture, as they lie. */
    boolean pixels() {
        return pixels;
    }

    /** Copies rows {@code from..to}, columns {@code left..right}, densely into {@code into}; outside the picture is 0. */
    private void gather(long from, long to, long left, long right, MemorySegment into) {
        int line = kw * channels;
        int firstLine = (int) (left / line);
        int lastLine = (int) ((right - 1) / line);
        long at = 0;
        for (Place p = new Place(from); p.row < to; p.next()) {
            for (int u = firstLine; u <= lastLine; u++) {
                int begin = u == firstLine ? (int) (left - (long) u * line) : 0;
                int end = u == lastLine ? (int) (right - (long) u * line) : line;
                boolean inside = p.i + u >= 0 && p.i + u < height;
                int low = inside ? Math.clamp(p.low, begin, end) : end;
                int high = inside ? Math.clamp(p.high, low, end) : end;
                clear(into, at, low - begin);
                copy(memory, p.start + u * byLine + low, into, at + low - begin, high - low);
                clear(into, at + high - begin, end - high);
                at += end - begin;
            }
        }
    }

    /** Adds rows {@code from..to}, all columns, to the places that they came from. */
    void fold(long from, long to, MemorySegment patches) {
        int line = kw * channels;
        for (Place p = new Place(from); p.row < to; p.next()) {
            long at = (p.row - from) * taps * channels;
            for (int u = 0; u < taps / kw; u++) {
                if (p.i + u >= 0 && p.i + u < height) {
                    add(patches, at + (long) u * line + p.low, memory, p.start + u * byLine + p.low, p.high - p.low);
                }
            }
        }
    }

    /** Where a row's patch lies; steps from row to row. */
    private final class Place {
        private long row;
        private long picture;
        private int outLine;
        private int outColumn;
        private int i; // its first line, perhaps above the picture
        private long start; // where its first element would be
        private int low; // first element of each of its lines that is inside the picture
        private int high; // behind the last one

        Place(long row) {
            this.row = row;
            picture = row / rowsOfOne();
            outLine = (int) (row % rowsOfOne()) / outWidth;
            outColumn = (int) (row % rowsOfOne()) % outWidth;
            locate();
        }

        void next() {
            row++;
            if (++outColumn == outWidth) {
                outColumn = 0;
                if (++outLine == outHeight) {
                    outLine = 0;
                    picture++;
                }
            }
            locate();
        }

        private void locate() {
            i = outLine * stride - padding;
            int j = outColumn * stride - padding;
            start = offset + picture * byPicture + i * byLine + (long) j * channels;
            low = Math.max(0, -j) * channels;
            high = Math.max(low, (int) Math.min(kw, width - j) * channels);
        }
    }

    /** Writes zeros over pictures {@code first..last}. */
    void clear(long first, long last) {
        for (long picture = first; picture < last; picture++) {
            for (long i = 0; i < height; i++) {
                clear(memory, offset + picture * byPicture + i * byLine, (int) width * channels);
            }
        }
    }

    /** Short rows: a bulk copy would cost more to start than to do. */
    static void copy(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Lanes.get(x, ix + i));
        }
    }

    /** Writes zeros. */
    static void clear(MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.ZERO, y, iy + i);
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
