package io.aegis.kernels.cuda;

/**
 * One GPU that the driver shows.
 *
 * @param index what {@code cuda:N} calls it
 * @param name its own
 * @param capability compute capability, such as {@code 9.0}
 * @param arch what its kernels are compiled for, such as {@code sm_90a}
 * @param memory bytes in all
 * @param multiprocessors their number
 * @param clock megahertz of the multiprocessors at most; 0 where the driver does not say
 * @param memoryClock megahertz of the memory at most; 0 where the driver does not say
 * @param problem why the kernels do not run on it; null when they do
 */
public record DeviceReport(
        int index,
        String name,
        String capability,
        String arch,
        long memory,
        int multiprocessors,
        int clock,
        int memoryClock,
        String problem) {}
