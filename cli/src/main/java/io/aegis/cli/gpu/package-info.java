/** Proof and figures of a GPU's kernels: each part in a process of its own, and a report of all. */
package io.aegis.cli.gpu;
