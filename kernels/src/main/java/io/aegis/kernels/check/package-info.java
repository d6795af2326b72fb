/** Compares any kernels with the plain ones, on the machine where they will be used. */
package io.aegis.kernels.check;
