package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/**
 * The index space that views of one shape share, in as few dimensions as their strides allow: sizes of 1 vanish, dimensions
 * that are dense together in every view become one, and where the order does not matter the innermost is the one along
 * which the last view, the destination, is dense. A kernel walks it in steps of one element, or of several neighbours where
 * {@link #widen} finds that each view has them side by side. The struct Space of common.cuh, with an Operand a view.
 */
final class Space {
    private static final long ALL = -1;
    /** Elements of a wide step. */
    private static final int WIDE = 4;

    private final View[] views;
    /** Innermost first. */
    private final long[] size;
    /** Innermost first: of dimension d of view k at [d * views.length + k]. */
    private final long[] step;

    private int rank;
    private int width = 1;
    private long tail = 1;

    private Space(View... views) {
        this.views = views;
        int most = last().rank() + 1;
        size = new long[most];
        step = new long[most * views.length];
    }

    /** The destination, whose sizes count. */
    private View last() {
        return views[views.length - 1];
    }

    /** Of all dimensions, in any order. */
    static Space of(View... views) {
        return some(ALL, views);
    }

    /** The same where all views are float32 and it fits; else null. */
    static Space ofFloats(View... views) {
        for (View v : views) {
            if (v.dtype() != DType.F32) {
                return null;
            }
        }
        Space space = of(views);
        return space.fits() ? space : null;
    }

    /** Of those dimensions whose bit is set, in any order. */
    static Space some(long dimensions, View... views) {
        Space s = new Space(views);
        for (int d = s.last().rank() - 1; d >= 0; d--) {
            if ((dimensions >> d & 1) != 0) {
                s.addSorted(d);
            }
        }
        return s.merged(0);
    }

    /** Of dimensions {@code from} to {@code to}, exclusive, in row-major order. */
    static Space ordered(int from, int to, View... views) {
        Space s = new Space(views);
        for (int d = to - 1; d >= from; d--) {
            if (s.last().size(d) != 1) {
                s.put(s.rank++, d);
            }
        }
        return s.merged(0);
    }

    /**
     * Of all dimensions in row-major order, the first of which stays a dimension of its own, the outermost; so there are
     * two at least.
     */
    static Space ofRows(View... views) {
        Space s = new Space(views);
        for (int d = s.last().rank() - 1; d > 0; d--) {
            if (s.last().size(d) != 1) {
                s.put(s.rank++, d);
            }
        }
        if (s.rank == 0) {
            s.size[s.rank++] = 1;
        }
        s.put(s.rank++, 0);
        return s.merged(1);
    }

    private void put(int at, int d) {
        size[at] = last().size(d);
        for (int k = 0; k < views.length; k++) {
            step[at * views.length + k] = views[k].stride(d);
        }
    }

    private void addSorted(int d) {
        if (last().size(d) == 1) {
            return;
        }
        int last = views.length - 1;
        int at = rank++;
        for (; at > 0 && step[(at - 1) * views.length + last] > views[last].stride(d); at--) {
            move(at - 1, at);
        }
        put(at, d);
    }

    private void move(int from, int to) {
        size[to] = size[from];
        System.arraycopy(step, from * views.length, step, to * views.length, views.length);
    }

    /** Joins neighbours that are dense together, but for the {@code fixed} outermost. */
    private Space merged(int fixed) {
        int end = rank - fixed;
        int kept = 0;
        for (int d = 1; d < end; d++) {
            if (isDense(kept, d)) {
                size[kept] *= size[d];
            } else {
                move(d, ++kept);
            }
        }
        int next = Math.min(end, kept + 1);
        for (int d = end; d < rank; d++) {
            move(d, next++);
        }
        rank = next;
        if (rank == 0) {
            size[0] = 1;
            rank = 1;
        }
        return this;
    }

    private boolean isDense(int inner, int outer) {
        for (int k = 0; k < views.length; k++) {
            if (step(outer, k) != step(inner, k) * size[inner]) {
                return false;
            }
        }
        return true;
    }

    int rank() {
        return rank;
    }

    /** Size of a dimension, innermost first, in steps. */
    long size(int d) {
        return size[d];
    }

    /** Distance in elements between neighbouring steps along a dimension, innermost first. */
    long step(int d, int view) {
        return step[d * views.length + view];
    }

    /** Number of steps. */
    long count() {
        long n = 1;
        for (int d = 0; d < rank; d++) {
            n *= size[d];
        }
        return n;
    }

    int width() {
        return width;
    }

    /**
     * Makes a step four elements wide, if each view has them side by side at aligned addresses, or one element for all of
     * them; not the last view, which is written. The last step of a space of one dimension may be shorter.
     *
     * @param addresses of the views' first elements
     */
    Space widen(long... addresses) {
        boolean whole = size[0] % WIDE == 0;
        return rank == 1 || whole ? widened(addresses) : this;
    }

    /** As {@link #widen}, with no shorter step. */
    Space widenWhole(long... addresses) {
        return size[0] % WIDE == 0 ? widened(addresses) : this;
    }

    private Space widened(long... addresses) {
        if (step(0, views.length - 1) != 1) {
            return this;
        }
        for (int k = 0; k < views.length; k++) {
            boolean side =
                    step(0, k) == 1 && addresses[k] % (WIDE * views[k].dtype().bytes()) == 0;
            for (int d = 1; d < rank; d++) {
                side &= step(d, k) % WIDE == 0;
            }
            if (step(0, k) != 0 && !side) {
                return this;
            }
        }
        width = WIDE;
        tail = (size[0] - 1) % WIDE + 1;
        size[0] = (size[0] + WIDE - 1) / WIDE;
        for (int k = 0; k < views.length; k++) {
            step[k] *= WIDE;
        }
        return this;
    }

    /** Whether a view's distances along all but the {@code inner} innermost dimensions keep four floats aligned. */
    boolean isAligned(int view, int inner) {
        boolean yes = true;
        for (int d = inner; d < rank; d++) {
            yes &= step(d, view) % WIDE == 0;
        }
        return yes;
    }

    /**
     * For copies without regard to what is copied: makes a step the widest unit that all views allow. Steps and distances
     * are then counted in units.
     *
     * @param bytes of an element now
     * @param most bytes of a unit
     * @return bytes of a unit
     */
    int unite(int bytes, int most, long... addresses) {
        int unit = most;
        while (unit > bytes && !allows(unit / bytes, unit, addresses)) {
            unit /= 2;
        }
        int n = unit / bytes;
        size[0] /= n;
        for (int i = views.length; i < rank * views.length; i++) {
            step[i] /= n;
        }
        return unit;
    }

    private boolean allows(int neighbours, int bytes, long... addresses) {
        boolean yes = size[0] % neighbours == 0;
        for (int k = 0; k < views.length; k++) {
            yes &= step(0, k) == 1 && addresses[k] % bytes == 0;
            for (int d = 1; d < rank; d++) {
                yes &= step(d, k) % neighbours == 0;
            }
        }
        return yes;
    }

    /** What is left without two of the dimensions. */
    Space without(int one, int other) {
        Space s = new Space(views);
        for (int d = 0; d < rank; d++) {
            if (d != one && d != other) {
                s.size[s.rank] = size[d];
                System.arraycopy(step, d * views.length, s.step, s.rank++ * views.length, views.length);
            }
        }
        return s.merged(0);
    }

    /** Whether a kernel's 32-bit arithmetic and its number of dimensions are enough. */
    boolean fits() {
        boolean yes = rank <= Arguments.MAX_RANK && count() < 1L << 31;
        for (int i = 0; i < rank * views.length; i++) {
            yes &= step[i] < 1L << 32;
        }
        return yes;
    }

    /**
     * A kernel's struct, begun with the struct Space and an Operand for each view.
     *
     * @param addresses of the views' first elements
     */
    Arguments begin(long... addresses) {
        Arguments a = Arguments.begin();
        pack(a);
        for (int k = 0; k < addresses.length; k++) {
            packOperand(a, k, addresses[k]);
        }
        return a;
    }

    /** The struct Space. */
    void pack(Arguments a) {
        a.i32((int) count()).i32((int) tail).i32(rank).i32(width);
        for (int d = 0; d < Arguments.MAX_RANK; d++) {
            a.divisor(d < rank ? size[d] : 1);
        }
    }

    /** The struct Operand of one view. */
    void packOperand(Arguments a, int view, long address) {
        a.pointer(address);
        for (int d = 0; d < Arguments.MAX_RANK; d++) {
            a.i32(d < rank ? (int) step(d, view) : 0);
        }
    }
}
