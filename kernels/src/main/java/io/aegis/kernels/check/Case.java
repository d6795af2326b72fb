package io.aegis.kernels.check;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * One call to compare.
 *
 * @param name operation and sizes
 * @param tolerance of the largest value of a destination, for kernels that compute in float32
 * @param rounded the same for kernels that round operands or inner results of products to bfloat16
 * @param destinations what is written, as it is before
 * @param call the call, given kernels and copies of the destinations
 */
record Case(String name, double tolerance, double rounded, View[] destinations, BiConsumer<Kernels, View[]> call) {
    /** Float32 sums of a few thousand products; exponentials lose a little more. */
    static final double EXACT = 1e-5;
    /** Probabilities and their gradients rounded to 8 bits, on the way into a second product. */
    static final double ROUNDED = 2e-2;
    /** Derived quantities, in which nearly equal numbers are subtracted. */
    static final double GRADIENT = 5e-5;

    /** One that is {@link #EXACT} either way. */
    static Case of(String name, View[] destinations, BiConsumer<Kernels, View[]> call) {
        return new Case(name, EXACT, EXACT, destinations, call);
    }

    static View[] to(View... destinations) {
        return destinations;
    }

    /** For names. */
    static String sizes(View v) {
        return v.dtype() + Arrays.toString(v.shape());
    }
}
