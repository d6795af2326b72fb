package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A picture [H, W, C] within a border of zeros, [H + 2 padding, W + 2 padding] places, in an array: whole, or as blocks of
 * channels one behind the other, each of all places.
 */
final class Frame {
    private final View x;
    private final int padding;
    private final int channels;

    Frame(View x, int padding) {
        this.x = x;
        this.padding = padding;
        channels = (int) x.size(3);
    }

    /** Places of a line. */
    int width() {
        return (int) x.size(2) + 2 * padding;
    }

    /** Places of a picture. */
    int places() {
        return ((int) x.size(1) + 2 * padding) * width();
    }

    /** Copies picture {@code b}, a place all its channels. */
    void fill(long b, float[] to) {
        MemorySegment from = x.buffer().memory();
        int border = padding * channels;
        int inner = (int) x.size(2) * channels;
        int line = width() * channels;
        Arrays.fill(to, 0, padding * line, 0);
        int next = padding * line;
        for (long i = 0; i < x.size(1); i++) {
            Arrays.fill(to, next, next + border, 0);
            long start = x.offset() + b * x.stride(0) + i * x.stride(1);
            MemorySegment.copy(from, JAVA_FLOAT_UNALIGNED, start << 2, to, next + border, inner);
            Arrays.fill(to, next + border + inner, next + line, 0);
            next += line;
        }
        Arrays.fill(to, next, next + padding * line, 0);
    }

    /**
     * Copies picture {@code b} so that channels {@code c..c + width} of its places are rows of {@code width}, from {@code at}
     * on, which holds zeros.
     */
    void fillBlock(long b, int c, int width, float[] to, int at) {
        MemorySegment from = x.buffer().memory();
        for (int i = 0; i < x.size(1); i++) {
            int next = at + ((i + padding) * width() + padding) * width;
            long start = x.offset() + b * x.stride(0) + i * x.stride(1) + c;
            for (int j = 0; j < x.size(2); j++) {
                for (int k = 0; k < width; k += Lanes.N) {
                    Lanes.load(from, start + (long) j * channels + k).intoArray(to, next + j * width + k);
                }
            }
        }
    }
}
