/**
 * The operation catalogue ({@link io.aegis.kernels.Kernels} and its families), the memory that it works on ({@link
 * io.aegis.kernels.Buffer}, {@link io.aegis.kernels.View}), and the choice between implementations ({@link
 * io.aegis.kernels.Backends}).
 */
package io.aegis.kernels;
