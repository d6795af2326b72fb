package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Pictures [B, H, W, C] within a border of zeros, dense: [H + 2 padding, W + 2 padding, C] each.
 */
final class Frame {
    /** Of scratch memory, for those who keep frames there. */
    static final int SLOT = 2;

    private final View x;
    private final int border;
    private final int inner;
    private final int padding;

    Frame(View x, int padding) {
        this.x = x;
        this.padding = padding;
        border = (int) (padding * x.size(3));
        inner = (int) (x.size(2) * x.size(3));
    }

    /** Elements of a line. */
    int line() {
        return inner + 2 * border;
    }

    /** Elements of a picture. */
    long elements() {
        return (x.size(1) + 2L * padding) * line();
    }

    /** Copies picture {@code b}. */
    void fill(long b, MemorySegment to, long at) {
        MemorySegment from = x.buffer().memory();
        Patches.clear(to, at, padding * line());
        long next = at + padding * line();
        for (long i = 0; i < x.size(1); i++) {
            Patches.clear(to, next, border);
            long start = x.offset() + b * x.stride(0) + i * x.stride(1);
            Patches.copy(from, start, to, next + border, inner);
            Patches.clear(to, next + border + inner, border);
            next += line();
        }
        Patches.clear(to, next, padding * line());
    }
}
