package io.aegis.kernels.check;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
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
record Case(String name, double tolerance, double rounded, View[] destinations, BiConsumer<Kernels, View[]> call) {}
