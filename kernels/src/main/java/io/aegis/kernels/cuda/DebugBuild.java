package io.aegis.kernels.cuda;

import java.time.Duration;

/**
 * Kernels that do not wait for ever (watched.cuh): {@code -Daegis.cuda.debug=true} compiles those of hopper.cuh so, for whoever looks for
 * a barrier that nobody completes. A wait of more than {@code aegis.cuda.debug.seconds}, 10 unless given, ends the kernel, and the
 * error says which barrier it was ({@link Hang}). They are variants of their own, with a macro more and so a key of their own; slower,
 * and launched one at a time. Kernels that wait at no barrier in shared memory are what they always are.
 */
final class DebugBuild {
    static final String PROPERTY = "aegis.cuda.debug";
    static final String SECONDS = "aegis.cuda.debug.seconds";

    private static final String MACRO = "AEGIS_DEBUG";
    private static final String HEADER = "watched.cuh";
    /** Any: what a file includes is the same for all. */
    private static final String ARCHITECTURE = "sm_90a";

    private static final int USUAL_SECONDS = 10;

    private DebugBuild() {}

    static boolean isAskedFor() {
        return Boolean.getBoolean(PROPERTY);
    }

    /**
     * How long a barrier may be waited for.
     *
     * @throws CudaException when what was given is no number of seconds
     */
    static Duration limit() {
        String given = System.getProperty(SECONDS, Integer.toString(USUAL_SECONDS));
        if (!given.matches("[1-9][0-9]{0,4}")) {
            throw new CudaException("-D" + SECONDS + "=" + given + ": expected seconds, 1 to 99999");
        }
        return Duration.ofSeconds(Integer.parseInt(given));
    }

    /** The variant to compile: the one that is watched where there is such, else the given one. */
    static Variant of(Variant variant) {
        return isWatched(variant) ? variant.with(MACRO, 1) : variant;
    }

    /** Whether a variant's file waits at barriers that can be watched. */
    static boolean isWatched(Variant variant) {
        return CompileJob.of(variant, ARCHITECTURE).headers().containsKey(HEADER);
    }
}
