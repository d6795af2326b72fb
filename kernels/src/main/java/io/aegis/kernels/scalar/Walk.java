package io.aegis.kernels.scalar;

import io.aegis.kernels.View;
import java.util.Arrays;

/**
 * Visits views of one shape together, in row-major order, and knows where each has the current element:
 *
 * <pre>{@code
 * for (Walk w = new Walk(x, y); w.more(); w.next()) {
 *     y.setAt(w.at(1), f(x.getAt(w.at(0))));
 * }
 * }</pre>
 */
final class Walk {
    private final long[] shape;
    private final long[][] strides;
    private final long[] index;
    private final long[] positions;
    private long left;

    /** Over every element. */
    Walk(View... views) {
        this(views[0].shape(), views);
    }

    private Walk(long[] shape, View... views) {
        this.shape = shape;
        index = new long[shape.length];
        strides = new long[views.length][];
        positions = new long[views.length];
        for (int v = 0; v < views.length; v++) {
            assert views[v].sameShape(views[0]) : views[v] + " beside " + views[0];
            strides[v] = views[v].strides();
            positions[v] = views[v].offset();
        }
        left = View.count(shape);
    }

    /** Over the first element of every row, a row being the last dimension. */
    static Walk rows(View... views) {
        long[] shape = views[0].shape();
        return new Walk(Arrays.copyOf(shape, shape.length - 1), views);
    }

    boolean more() {
        return left > 0;
    }

    /** Buffer position of the current element in the view that was given as number {@code view}. */
    long at(int view) {
        return positions[view];
    }

    void next() {
        left--;
        for (int d = shape.length - 1; d >= 0; d--) {
            if (++index[d] < shape[d]) {
                for (int v = 0; v < positions.length; v++) {
                    positions[v] += strides[v][d];
                }
                return;
            }
            index[d] = 0;
            for (int v = 0; v < positions.length; v++) {
                positions[v] -= (shape[d] - 1) * strides[v][d];
            }
        }
    }
}
