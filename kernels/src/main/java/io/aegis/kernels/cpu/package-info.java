/**
 * The CPU kernels for use. A file a family, named as its plain twin in {@code scalar}, and the parts they share: {@code
 * Workers} (threads), {@code Gemm} (products: OpenBLAS, oneDNN, or a loop of our own), {@code Lanes}
 * (vectors and the functions that processors lack), {@code Rows}, {@code Sums}, {@code Patches} and {@code Scratch}.
 */
package io.aegis.kernels.cpu;
