package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.View;

/** What layers.cuh declares: layers of one shape side by side, each with its own parameters. */
final class LayerPointers {
    /** Layers of one launch, {@code LAYERS} there. */
    static final int MOST = 4;

    private LayerPointers() {}

    /** Whether a batch norm's vectors are float32 and dense, or there is none. */
    static boolean fits(Channels norm) {
        return norm == null
                || isVector(norm.gamma())
                        && isVector(norm.beta())
                        && isVector(norm.mean())
                        && isVector(norm.variance());
    }

    /** Whether a vector is float32 and dense, or null. */
    static boolean isVector(View v) {
        return v == null || v.dtype() == DType.F32 && v.isContiguous();
    }

    /** The struct Channels; null for none. */
    static void pack(Arguments a, Cuda cuda, Channels norm) {
        if (norm == null) {
            a.pointer(0).pointer(0).pointer(0).pointer(0);
        } else {
            a.pointer(cuda.read(norm.gamma())).pointer(cuda.read(norm.beta()));
            a.pointer(cuda.read(norm.mean())).pointer(cuda.read(norm.variance()));
        }
    }

    /** So many pointers, zeros behind the last. */
    static void pack(Arguments a, long... addresses) {
        for (int i = 0; i < MOST; i++) {
            a.pointer(i < addresses.length ? addresses[i] : 0);
        }
    }

    /** Addresses to be overwritten, 0 for null. */
    static long[] written(Cuda cuda, View... views) {
        long[] addresses = new long[views.length];
        for (int i = 0; i < views.length; i++) {
            addresses[i] = cuda.writeOrNull(views[i]);
        }
        return addresses;
    }
}
