package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** greatest.cu: float32 rows of any strides, and their places. */
final class RowGreatest {
    static final Variant FILE = Variant.of("greatest.cu");
    private static final int THREADS = 256;
    private static final int WARPS = THREADS / 32;

    private final Cuda cuda;
    private final Entry greatest;
    private final Entry backward;

    RowGreatest(Cuda cuda) {
        this.cuda = cuda;
        greatest = new Entry(cuda, FILE, "greatest");
        backward = new Entry(cuda, FILE, "greatest_backward");
    }

    /** Whether it was this device's work: y [R] and index I64 [R] of x [R, M]. */
    boolean forward(View x, View y, View index) {
        if (!isServed(x, y, index)) {
            return false;
        }
        if (x.size(0) > 0) {
            Arguments a = Arguments.begin();
            matrix(a, x, cuda.read(x));
            vector(a, y, cuda.write(y));
            vector(a, index, cuda.write(index));
            greatest.launch(grid(x), a);
        }
        return true;
    }

    /** Whether it was this device's work: dx [R, M] of index I64 [R] and dy [R]. */
    boolean backward(View index, View dy, View dx) {
        if (!isServed(dx, dy, index)) {
            return false;
        }
        if (dx.size(0) > 0) {
            Arguments a = Arguments.begin();
            long from = cuda.read(dy);
            long places = cuda.read(index);
            matrix(a, dx, cuda.write(dx));
            vector(a, dy, from);
            vector(a, index, places);
            backward.launch(grid(dx), a);
        }
        return true;
    }

    private static boolean isServed(View matrix, View vector, View index) {
        return matrix.dtype() == DType.F32
                && vector.dtype() == DType.F32
                && index.dtype() == DType.I64
                && matrix.elements() < 1L << 31;
    }

    private static Engine.Grid grid(View matrix) {
        return Engine.Grid.of(Math.ceilDiv(matrix.size(0), (long) WARPS), THREADS);
    }

    private static void matrix(Arguments a, View v, long address) {
        a.pointer(address).i64(v.stride(0)).i64(v.stride(1));
        a.i32((int) v.size(0)).i32((int) v.size(1));
    }

    private static void vector(Arguments a, View v, long address) {
        a.pointer(address).i64(v.stride(0));
    }
}
