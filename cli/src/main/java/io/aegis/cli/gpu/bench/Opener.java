package io.aegis.cli.gpu.bench;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.Precision;

/** Opens the kernels of a device; it is the command line's own way, handed in. */
@FunctionalInterface
public interface Opener {
    /** @throws RuntimeException when there is no such device, or no way to use it: what is missing, in one sentence */
    Kernels open(String device, Precision precision);
}
