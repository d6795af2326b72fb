package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/**
 * Where a kernel leaves mean and variance of each channel of what it makes, the struct BatchMoments of moments.cuh.
 *
 * @param mean [layers, channels] float32, dense; with {@code variance}
 */
record Moments(View mean, View variance) {
    /** Whether kernels can write into these. */
    static boolean fits(View mean, View variance) {
        return LayerPointers.isVector(mean) && LayerPointers.isVector(variance);
    }

    /** Whether there are tickets enough when a block has so many channels; called before anything else is done. */
    static boolean counts(long layers, long channels, int ofOne) {
        return layers * Math.ceilDiv(channels, ofOne) <= Tickets.COUNT;
    }

    /**
     * Takes scratch for what {@code tiles} blocks of each channel of a layer find.
     *
     * @param tickets all zero, and no others' meanwhile
     * @return the addresses of the struct
     */
    long[] addresses(Cuda cuda, Cuda.Scratch scratch, long tiles, Tickets tickets) {
        long partial = scratch.take(DType.F32, 3 * tiles * mean.elements());
        return new long[] {cuda.write(mean), cuda.write(variance), partial, tickets.address()};
    }

    /** Packs what {@link #addresses} gave, or zeros for null. */
    static void pack(Arguments a, long[] addresses) {
        for (int i = 0; i < 4; i++) {
            a.pointer(addresses == null ? 0 : addresses[i]);
        }
    }
}
