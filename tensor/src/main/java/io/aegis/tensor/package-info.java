/**
 * Names what is computed. {@link io.aegis.tensor.Tensor} is an immutable strided view, {@link io.aegis.tensor.Scope}
 * says how long its memory lives, {@link io.aegis.tensor.Ops} makes new ones from old ones, and {@link
 * io.aegis.tensor.Tape} remembers how, to differentiate. The rules of differentiation are one table: the records that
 * implement {@link io.aegis.tensor.Op}, each with its forward and backward side by side.
 */
package io.aegis.tensor;
