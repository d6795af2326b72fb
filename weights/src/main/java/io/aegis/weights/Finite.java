package io.aegis.weights;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;

/** Looks for NaN and infinities. Weights with one are not weights: everything computed from them is NaN. */
public final class Finite {
    private Finite() {}

    /**
     * Checks every floating tensor; those of types that cannot be loaded are passed over.
     *
     * @throws WeightsException naming the first tensor and index with NaN or an infinity
     */
    public static void check(Checkpoint checkpoint) {
        for (String name : checkpoint.names()) {
            boolean floating = checkpoint
                    .info(name)
                    .dtype()
                    .dtype()
                    .filter(DType::isFloating)
                    .isPresent();
            if (floating) {
                check(checkpoint.path(), name, Views.of(checkpoint, name));
            }
        }
    }

    /**
     * Checks one tensor on the host; one of integers is always finite.
     *
     * @param where for the message: the file
     * @param name for the message: the tensor
     * @throws WeightsException naming the first index, in row-major order, with NaN or an infinity
     */
    public static void check(Path where, String name, View view) {
        long bad = view.isContiguous() ? firstDense(view) : firstStrided(view);
        if (bad >= 0) {
            double value = view.getAt(view.position(bad));
            throw WeightsException.of(
                    where,
                    name,
                    "has " + value + " at " + Arrays.toString(index(bad, view.shape())) + ", expected numbers");
        }
    }

    /** A float is not finite when all bits of its exponent are set. */
    private static long firstDense(View view) {
        return switch (view.dtype()) {
            case F64 -> firstF64(view.segment());
            case F32 -> firstF32(view.segment());
            case F16 -> first16(view.segment(), 0x7c00);
            case BF16 -> first16(view.segment(), 0x7f80);
            case I64, I32, I16, I8, U8, BOOL -> -1;
        };
    }

    private static long firstF64(MemorySegment m) {
        long exponent = 0x7ff0_0000_0000_0000L;
        for (long i = 0; i < m.byteSize() / 8; i++) {
            if ((m.get(ValueLayout.JAVA_LONG_UNALIGNED, i * 8) & exponent) == exponent) {
                return i;
            }
        }
        return -1;
    }

    private static long firstF32(MemorySegment m) {
        int exponent = 0x7f80_0000;
        for (long i = 0; i < m.byteSize() / 4; i++) {
            if ((m.get(ValueLayout.JAVA_INT_UNALIGNED, i * 4) & exponent) == exponent) {
                return i;
            }
        }
        return -1;
    }

    private static long first16(MemorySegment m, int exponent) {
        for (long i = 0; i < m.byteSize() / 2; i++) {
            if ((m.get(ValueLayout.JAVA_SHORT_UNALIGNED, i * 2) & exponent) == exponent) {
                return i;
            }
        }
        return -1;
    }

    private static long firstStrided(View view) {
        if (!view.dtype().isFloating()) {
            return -1;
        }
        long count = view.elements();
        for (long i = 0; i < count; i++) {
            if (!Double.isFinite(view.getAt(view.position(i)))) {
                return i;
            }
        }
        return -1;
    }

    private static long[] index(long linear, long[] shape) {
        long[] out = new long[shape.length];
        long rest = linear;
        for (int d = shape.length - 1; d >= 0; d--) {
            out[d] = rest % shape[d];
            rest /= shape[d];
        }
        return out;
    }
}
