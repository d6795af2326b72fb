package io.aegis.kernels.cuda;

import java.util.List;
import java.util.stream.Stream;

/**
 * Kernels whose blocks may begin while the kernel before them ends (programmatic.cuh), where {@code -Daegis.cuda.programmatic=true} asks for
 * them and a device of compute capability 9.0 or newer has a driver of CUDA 12.3 or newer. They are variants of their own, and a
 * variant is launched so if, and only if, it was compiled so: a kernel that does not wait cannot be. Off by default: no
 * device has run them yet.
 */
final class Programmatic {
    static final String PROPERTY = "aegis.cuda.programmatic";
    static final String MACRO = "PROGRAMMATIC";

    private static final int MAJOR = 9;

    private Programmatic() {}

    /** The variant itself, or the one that waits, where that is asked for and can be had. */
    static Variant of(Cuda cuda, Variant variant) {
        boolean asked = Boolean.getBoolean(PROPERTY)
                && cuda.properties().major() >= MAJOR
                && cuda.engine() instanceof DriverEngine driver
                && driver.hasProgrammaticLaunches();
        return asked ? variant.with(MACRO, 1) : variant;
    }

    /** Both, for those who list what any device may ask for. */
    static List<Variant> both(Variant variant) {
        return Stream.of(variant, variant.with(MACRO, 1)).toList();
    }

    /** Whether a variant waits for the kernel before it. */
    static boolean waits(Variant variant) {
        return variant.defines().containsKey(MACRO);
    }

    /** Whether an architecture may ask for a variant. */
    static boolean has(Variant variant, String arch) {
        return !waits(variant) || Integer.parseInt(arch.replaceAll("\\D", "")) >= MAJOR * 10;
    }
}
