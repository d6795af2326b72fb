package io.aegis.kernels.cuda;

import java.util.List;

/**
 * The machine code of one variant for one architecture.
 *
 * @param compiler name and version of what made it
 * @param log what the compiler said: registers, spills and shared memory of every entry, and warnings
 * @param code an ELF image that the driver loads
 */
record Cubin(String compiler, String log, byte[] code) {
    /** What each entry needs, by name. */
    List<Usage> usage() {
        return Usage.parse(log);
    }
}
