package io.aegis.kernels.cuda;

/**
 * Pixels as the kernels of a dense convolution read them.
 *
 * @param batch strides in elements, with {@code line} and {@code pixel}
 * @param pitch channels, a multiple of a word
 */
record Pixels(long address, long batch, long line, long pixel, long height, long width, long pitch) {}
