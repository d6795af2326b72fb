package io.aegis.tensor;

import io.aegis.kernels.View;
import java.util.Arrays;

/** Arithmetic of shapes. */
final class Shapes {
    private Shapes() {}

    /** The common shape of two, sizes of 1 repeating and missing leading ones added. */
    static long[] broadcast(long[] a, long[] b) {
        long[] out = new long[Math.max(a.length, b.length)];
        for (int i = 1; i <= out.length; i++) {
            long x = i <= a.length ? a[a.length - i] : 1;
            long y = i <= b.length ? b[b.length - i] : 1;
            if (x != y && x != 1 && y != 1) {
                throw new IllegalArgumentException(
                        "shapes " + Arrays.toString(a) + " and " + Arrays.toString(b) + " do not broadcast");
            }
            out[out.length - i] = x == 1 ? y : x;
        }
        return out;
    }

    /** The shape with its last size replaced. */
    static long[] withLast(long[] shape, long last) {
        long[] out = shape.clone();
        out[out.length - 1] = last;
        return out;
    }

    /** A view as rows [rows, last], or null where that needs a copy. */
    static View rows(View x) {
        long n = x.size(-1);
        long m = x.rank() == 1 ? 1 : View.count(Arrays.copyOf(x.shape(), x.rank() - 1));
        return x.canReshape(m, n) ? x.reshape(m, n) : null;
    }

    /** The shape padded with leading ones up to a rank. */
    static long[] lead(long[] shape, int rank) {
        long[] out = new long[rank];
        Arrays.fill(out, 1);
        System.arraycopy(shape, 0, out, rank - shape.length, shape.length);
        return out;
    }
}
