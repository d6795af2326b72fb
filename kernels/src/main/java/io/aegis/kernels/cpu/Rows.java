package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.util.Arrays;

/**
 * Views of one shape as rows of elements that lie side by side in memory, as long as the strides allow: the order of
 * dimensions follows the last view (the destination), and dimensions that are dense in all views become one.
 */
final class Rows {
    private static final int CHUNK = 1 << 14;

    private final long[] shape; // of the outer dimensions
    private final long[][] strides; // view by view, of the outer dimensions
    private final long[] offsets;
    private final long length;
    private final long[] steps;

    /** Work on one stretch of a row: {@code at} holds each view's first element in its buffer. */
    @FunctionalInterface
    interface Body {
        void row(long[] at, int n);
    }

    Rows(View... views) {
        View guide = views[views.length - 1];
        int rank = guide.rank();
        Integer[] order = new Integer[rank];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Long.compare(guide.stride(b), guide.stride(a)));
        long[] dims = new long[rank + 1];
        long[][] by = new long[views.length][rank + 1];
        int n = 0;
        for (int d : order) {
            if (guide.size(d) == 1) {
                continue;
            }
            dims[n] = guide.size(d);
            for (int v = 0; v < views.length; v++) {
                by[v][n] = views[v].stride(d);
            }
            if (n > 0 && merges(by, dims, n)) {
                dims[n - 1] *= dims[n];
                for (long[] s : by) {
                    s[n - 1] = s[n];
                }
            } else {
                n++;
            }
        }
        if (n == 0) {
            dims[0] = rank == 0 ? 1 : guide.elements();
            n = 1;
            for (long[] s : by) {
                s[0] = 1;
            }
        }
        length = dims[n - 1];
        shape = Arrays.copyOf(dims, n - 1);
        strides = new long[views.length][];
        steps = new long[views.length];
        offsets = new long[views.length];
        for (int v = 0; v < views.length; v++) {
            strides[v] = Arrays.copyOf(by[v], n - 1);
            steps[v] = by[v][n - 1];
            offsets[v] = views[v].offset();
        }
    }

    private static boolean merges(long[][] by, long[] dims, int n) {
        for (long[] s : by) {
            if (s[n - 1] != s[n] * dims[n]) {
                return false;
            }
        }
        return true;
    }

    /** Whether neighbours in a row are neighbours in every view. */
    boolean dense() {
        return Arrays.stream(steps).allMatch(s -> s == 1);
    }

    /** Distance between neighbours of a row, view by view. */
    long[] steps() {
        return steps;
    }

    /** Visits all rows, long ones in pieces, on all threads. */
    void forEach(Body body) {
        long outer = View.count(shape);
        if (outer == 0 || length == 0) {
            return;
        }
        long pieces = (length + CHUNK - 1) / CHUNK;
        long grain = Math.max(1, CHUNK / Math.min(length, CHUNK));
        Workers.grains(outer * pieces, grain, (from, to) -> visit(from, to, pieces, body));
    }

    private void visit(long from, long to, long pieces, Body body) {
        long[] at = new long[offsets.length];
        long[] index = new long[shape.length];
        long rest = from / pieces;
        for (int d = shape.length - 1; d >= 0; d--) {
            index[d] = rest % shape[d];
            rest /= shape[d];
        }
        long piece = from % pieces;
        for (long i = from; i < to; i++) {
            long start = piece * CHUNK;
            for (int v = 0; v < at.length; v++) {
                long p = offsets[v] + start * steps[v];
                for (int d = 0; d < index.length; d++) {
                    p += index[d] * strides[v][d];
                }
                at[v] = p;
            }
            body.row(at, (int) Math.min(CHUNK, length - start));
            if (++piece == pieces) {
                piece = 0;
                for (int d = shape.length - 1; d >= 0 && ++index[d] == shape[d]; d--) {
                    index[d] = 0;
                }
            }
        }
    }
}
