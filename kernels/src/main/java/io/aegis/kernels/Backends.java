package io.aegis.kernels;

import io.aegis.kernels.scalar.ScalarKernels;
import java.lang.System.Logger.Level;
import java.lang.reflect.InvocationTargetException;

/**
 * Chooses between implementations. The fast one is looked up reflectively, so that a program that was started without
 * the incubating Vector API still runs, on the plain kernels, and is told which flag it lacks.
 */
public final class Backends {
    private static final System.Logger LOG = System.getLogger(Backends.class.getName());

    private static volatile Kernels chosen;

    private Backends() {}

    /** Plain Java with double accumulators: the oracle, and the fallback that always works. */
    public static Kernels scalar() {
        return Scalar.INSTANCE;
    }

    /** The fastest on this machine's processor, decided once. */
    public static Kernels best() {
        return Best.INSTANCE;
    }

    /** What computes where nobody said otherwise: what {@link #choose} set, or {@link #best}. */
    public static Kernels chosen() {
        Kernels kernels = chosen;
        return kernels != null ? kernels : best();
    }

    /** Sets what {@link #chosen} gives, for the whole process: a GPU's kernels, say; null for {@link #best} again. */
    public static void choose(Kernels kernels) {
        chosen = kernels;
    }

    /** Why {@link #best} is not the vectorised implementation; null when it is. */
    public static String fallbackReason() {
        return Best.REASON;
    }

    /**
     * What a JVM's way to run code costs, for people; null when nothing.
     *
     * @param info the system property {@code java.vm.info}
     */
    static String handicap(String info) {
        if (info.contains("interpreted")) {
            return "the JVM's compilers are off, so everything is many times slower: start java without -Xint";
        }
        if (info.contains("emulated-client")) {
            return "the JVM's optimising compiler is off, so all but matrix products is many times slower:"
                    + " start java without -XX:TieredStopAtLevel";
        }
        return null;
    }

    private static final class Scalar {
        static final Kernels INSTANCE = new ScalarKernels();
    }

    private static final class Best {
        static final Kernels INSTANCE;
        static final String REASON;

        static {
            Kernels found = null;
            String reason = null;
            if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
                reason = "the Vector API is missing: start java with --add-modules jdk.incubator.vector";
            } else {
                try {
                    found = (Kernels) Class.forName("io.aegis.kernels.cpu.CpuKernels")
                            .getDeclaredConstructor()
                            .newInstance();
                } catch (InvocationTargetException e) {
                    reason = "the vectorised kernels failed to start: " + e.getCause();
                } catch (ReflectiveOperationException | LinkageError e) {
                    reason = "the vectorised kernels failed to load: " + e;
                }
            }
            INSTANCE = found != null ? found : scalar();
            REASON = reason;
            String handicap = handicap(System.getProperty("java.vm.info", ""));
            if (handicap != null) {
                LOG.log(Level.WARNING, handicap);
            }
            if (reason != null) {
                LOG.log(Level.WARNING, "using the plain kernels, many times slower; " + reason);
            }
        }
    }
}
