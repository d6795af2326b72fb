package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Pictures [B, H, W, C] within a border of zeros, dense: [H + 2 padding, W + 2 padding, C] each. A line of a picture is a
 * number of whole vectors.
 */
final class Frame {
    /** Of scratch memory, for those who keep frames there. */
    static final int SLOT = 2;

    private final View x;
    private final long border;
    private final long inner;
    private final int padding;

    Frame(View x, int padding) {
        this.x = x;
        this.padding = padding;
        border = padding * x.size(3);
        inner = x.size(2) * x.size(3);
    }

    /** Elements of a line. */
    long line() {
        return inner + 2 * border;
    }

    /** Elements of a picture. */
    long elements() {
        return (x.size(1) + 2L * padding) * line();
    }

    /** Copies picture {@code b}. */
    void fill(long b, MemorySegment to, long at) {
        MemorySegment from = x.buffer().memory();
        clear(to, at, padding * line());
        long next = at + padding * line();
        for (long i = 0; i < x.size(1); i++) {
            clear(to, next, border);
            long start = x.offset() + b * x.stride(0) + i * x.stride(1);
            for (long k = 0; k < inner; k += Lanes.N) {
                Lanes.store(Lanes.load(from, start + k), to, next + border + k);
            }
            clear(to, next + border + inner, border);
            next += line();
        }
        clear(to, next, padding * line());
    }

    /** Writes zeros, a number of whole vectors. */
    static void clear(MemorySegment to, long at, long n) {
        for (long k = 0; k < n; k += Lanes.N) {
            Lanes.store(Lanes.ZERO, to, at + k);
        }
    }
}
