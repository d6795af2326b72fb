package io.aegis.kernels.cuda;

import java.util.List;

/**
 * The kernels of compute capability 9.0 (hopper.cuh). They were written and proved without such a device at hand, in the
 * emulator, so nothing takes them that was not told to: {@code -Daegis.cuda.hopper=true}.
 */
final class Hopper {
    private static final String PROPERTY = "aegis.cuda.hopper";
    private static final int MAJOR = 9;
    private static final String ARCHITECTURE = "sm_90a";
    private static final List<String> FILES = List.of(HopperGemm.FILE, HopperAttention.FILE);

    private Hopper() {}

    /** Whether a device has what they need, and they were asked for. */
    static boolean isAskedFor(Cuda cuda) {
        boolean able = cuda.properties().major() == MAJOR
                && cuda.engine() instanceof DriverEngine driver
                && driver.hasTensorMaps();
        return able && Boolean.getBoolean(PROPERTY);
    }

    /** Whether an architecture may ask for a variant: all of them for what is not among these kernels. */
    static boolean has(Variant variant, String arch) {
        return arch.equals(ARCHITECTURE) || !FILES.contains(variant.file());
    }
}
