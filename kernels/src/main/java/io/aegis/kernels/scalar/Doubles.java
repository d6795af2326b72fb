package io.aegis.kernels.scalar;

import io.aegis.kernels.View;

/** Elements of any dtype and any strides as dense arrays of doubles, and back. */
final class Doubles {
    private Doubles() {}

    /** All elements in row-major order. */
    static double[] read(View v) {
        double[] out = new double[Math.toIntExact(v.elements())];
        int i = 0;
        for (Walk w = new Walk(v); w.more(); w.next()) {
            out[i++] = v.getAt(w.at(0));
        }
        return out;
    }

    /** Overwrites all elements, given in row-major order. */
    static void write(double[] from, View v) {
        int i = 0;
        for (Walk w = new Walk(v); w.more(); w.next()) {
            v.setAt(w.at(0), from[i++]);
        }
    }

    /** The row (last dimension) that begins at a buffer position. */
    static double[] readRow(View v, long start) {
        double[] out = new double[Math.toIntExact(v.size(-1))];
        long stride = v.stride(-1);
        for (int i = 0; i < out.length; i++) {
            out[i] = v.getAt(start + i * stride);
        }
        return out;
    }

    /** Overwrites the row (last dimension) that begins at a buffer position. */
    static void writeRow(double[] from, View v, long start) {
        long stride = v.stride(-1);
        for (int i = 0; i < from.length; i++) {
            v.setAt(start + i * stride, from[i]);
        }
    }
}
