/**
 * The GPU's kernels and what they run on. One family a {@code .cu} beside one {@code Cuda<Family>}; {@link
 * io.aegis.kernels.cuda.Engine} is either a device behind its driver or the emulator on the host.
 */
package io.aegis.kernels.cuda;
