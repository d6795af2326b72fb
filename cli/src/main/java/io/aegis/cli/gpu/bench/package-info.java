/** Figures of a GPU's kernels and models as a plan lists them: each beside its ceiling, its peers and what is asked of it. */
package io.aegis.cli.gpu.bench;
