package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.util.Random;

/** Views for tests: seeded values in the layouts that kernels have to cope with. Memory is the garbage collector's. */
public final class TestViews {
    private TestViews() {}

    /** Zeroed, dense. */
    public static View zeros(DType dtype, long... shape) {
        return View.allocate(Arena.ofAuto(), dtype, shape);
    }

    /** Dense, with these values in row-major order. */
    public static View of(DType dtype, long[] shape, double... values) {
        View v = zeros(dtype, shape);
        for (int i = 0; i < values.length; i++) {
            v.setAt(i, values[i]);
        }
        return v;
    }

    /** A vector of these integers. */
    public static View indices(long... values) {
        View v = zeros(DType.I64, values.length);
        for (int i = 0; i < values.length; i++) {
            v.setLongAt(i, values[i]);
        }
        return v;
    }

    /** Dense, normally distributed. */
    public static View random(long seed, DType dtype, long... shape) {
        return randomize(seed, zeros(dtype, shape));
    }

    /** Every destination starts as garbage, so that a kernel that forgets to write is seen. */
    public static View garbage(DType dtype, long... shape) {
        View v = zeros(dtype, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, dtype.isFloating() ? Double.NaN : 99);
        }
        return v;
    }

    /** Normally distributed values with gaps (NaN) between neighbours, and dimensions stored in reverse order. */
    public static View strided(long seed, DType dtype, long... shape) {
        int rank = shape.length;
        long[] stored = new long[rank];
        int[] reverse = new int[rank];
        for (int d = 0; d < rank; d++) {
            stored[d] = shape[rank - 1 - d] + 2;
            reverse[d] = rank - 1 - d;
        }
        View v = garbage(dtype, stored);
        for (int d = 0; d < rank; d++) {
            v = v.slice(d, 1, 1 + shape[rank - 1 - d]);
        }
        return randomize(seed, v.permute(reverse));
    }

    /** Each with a copy of its whole buffer, so with the same layout, content and surroundings. */
    public static View[] copies(View[] views) {
        View[] out = new View[views.length];
        for (int i = 0; i < views.length; i++) {
            View v = views[i];
            View bytes = zeros(DType.U8, v.buffer().bytes());
            bytes.segment().copyFrom(v.buffer().memory());
            out[i] = View.of(bytes.buffer(), v.dtype(), v.offset(), v.shape(), v.strides());
        }
        return out;
    }

    /** The same values, dense, as doubles. */
    public static View dense(View v) {
        return of(DType.F64, v.shape(), v.toDoubles());
    }

    private static View randomize(long seed, View v) {
        Random random = new Random(seed);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(v.position(i), random.nextGaussian());
        }
        return v;
    }
}
