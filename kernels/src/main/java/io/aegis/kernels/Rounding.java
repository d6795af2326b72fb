package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rounding of float32 views to the nearest number of a 16-bit type, in a unit: x becomes round(x unit) / unit. All units
 * between 1/2 and 1 are grids of the same relative width, so that runs in different units err by as much, and each by other
 * amounts. Numbers which the type holds as they are stay as they are, in any unit: they would be exact in a model's file.
 */
final class Rounding {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final int AT_A_TIME = 1 << 14;

    private final Elementwise elementwise;
    private final DType dtype;
    private final float unit;

    /**
     * @param elementwise of the host
     * @param dtype F16 or BF16
     * @param unit above 1/2, at most 1
     */
    Rounding(Elementwise elementwise, DType dtype, double unit) {
        this.elementwise = elementwise;
        this.dtype = dtype;
        this.unit = (float) unit;
    }

    void inPlace(View x) {
        if (x.dtype() == DType.F32 && x.isContiguous()) {
            round(x.segment());
        } else if (x.dtype() == DType.F32) {
            try (Arena arena = Arena.ofShared()) {
                copy(x, x, arena);
            }
        }
    }

    /** As {@link #of}, into a view of the same shape and type in any layout, which may be x. */
    void copy(View x, View y, Arena arena) {
        elementwise.copy(of(x, arena), y);
    }

    /** A rounded copy; null, and what is not float32, as it is. */
    View of(View x, Arena arena) {
        if (x == null || x.dtype() != DType.F32) {
            return x;
        }
        View out = View.allocate(arena, DType.F32, x.shape());
        elementwise.copy(x, out);
        round(out.segment());
        return out;
    }

    /** By arrays, which are quick before they are compiled as well. */
    private void round(MemorySegment floats) {
        long n = floats.byteSize() / Float.BYTES;
        float[] x = new float[(int) Math.min(n, AT_A_TIME)];
        for (long from = 0; from < n; from += x.length) {
            int count = (int) Math.min(x.length, n - from);
            MemorySegment.copy(floats, FLOAT, from * Float.BYTES, x, 0, count);
            for (int i = 0; i < count; i++) {
                x[i] = rounded(x[i]);
            }
            MemorySegment.copy(x, 0, floats, FLOAT, from * Float.BYTES, count);
        }
    }

    private float rounded(float x) {
        return nearest(x) == x ? x : nearest(x * unit) / unit;
    }

    private float nearest(float x) {
        return dtype == DType.BF16
                ? Float.intBitsToFloat(View.bfloat16(x) << 16)
                : Float.float16ToFloat(Float.floatToFloat16(x));
    }
}
