package io.aegis.kernels.cuda;

import java.util.List;

/**
 * The kernels of compute capability 9.0 (hopper.cuh), taken there before others: products and attention were compared on such a device,
 * and are faster (bench/results); convolutions have run in the emulator alone. {@code -Daegis.cuda.hopper=false} leaves them out.
 */
final class Hopper {
    private static final String PROPERTY = "aegis.cuda.hopper";
    private static final String ORDERED = "aegis.cuda.deterministic";
    private static final int MAJOR = 9;
    private static final String ARCHITECTURE = "sm_90a";
    private static final List<String> FILES = List.of(
            HopperGemm.FILE,
            HopperConvolution.FILE,
            HopperAttention.FILE,
            HopperAttentionBackward.KEYS_FILE,
            HopperAttentionBackward.QUERY_FILE);

    private Hopper() {}

    /** Whether a device has what they need, and nobody left them out. */
    static boolean isAskedFor(Cuda cuda) {
        return switch (cuda.route()) {
            case BEST -> problem(cuda) == null;
            case HOPPER -> missing(cuda) == null;
            case PORTABLE, LIBRARY, CUDNN -> false;
        };
    }

    /** What they would need and have not got here, asked for or not; null when they can run. The emulator runs them all. */
    static String missing(Cuda cuda) {
        return cuda.engine() instanceof EmulatorEngine ? null : unfit(cuda);
    }

    /** Why they are not taken; null when they are. */
    static String problem(Cuda cuda) {
        String unfit = unfit(cuda);
        return unfit == null && "false".equals(System.getProperty(PROPERTY))
                ? "left out by -D" + PROPERTY + "=false"
                : unfit;
    }

    private static String unfit(Cuda cuda) {
        Engine.Properties device = cuda.properties();
        if (device.major() != MAJOR || !(cuda.engine() instanceof DriverEngine driver)) {
            return "for compute capability 9.0, and " + cuda.engine().name() + " has " + device.major() + "."
                    + device.minor();
        }
        return driver.hasTensorMaps() ? null : "the driver knows no maps of tensors: 12.0 or newer is needed";
    }

    /**
     * Whether sums have a fixed order, so that the same call gives the same bits: with {@code -Daegis.cuda.deterministic=false} the
     * gradient of attention's queries has none, and is less work.
     */
    static boolean isOrdered() {
        return !"false".equals(System.getProperty(ORDERED));
    }

    /** Whether an architecture may ask for a variant: all of them for what is not among these kernels. */
    static boolean has(Variant variant, String arch) {
        return arch.equals(ARCHITECTURE) || !FILES.contains(variant.file());
    }
}
