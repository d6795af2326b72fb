package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Assumptions;

/**
 * Runs one call on the plain kernels and on the GPU's, each into destinations of its own that start as garbage, and
 * compares. The GPU's run in the emulator; without g++ the tests are skipped, and say so.
 */
final class CudaTwin {
    /** Of the largest value of a destination: what float32 sums of the sizes here lose. */
    static final double EXACT = 1e-5;

    /** Types of 16 bits that are stored. */
    static final List<DType> NARROW = List.of(DType.BF16, DType.F16);

    private CudaTwin() {}

    private static final class Emulated {
        static final Engine ENGINE;
        static final String MISSING;
        static final Map<Precision, CudaKernels> KERNELS = new EnumMap<>(Precision.class);

        static {
            Engine engine = null;
            String missing = null;
            try {
                engine = new EmulatorEngine();
            } catch (CudaException e) {
                missing = e.getMessage();
            }
            ENGINE = engine;
            MISSING = missing;
            if (engine != null) {
                DeviceMemory memory = new DeviceMemory(engine, new Device(Device.Kind.CUDA, 0));
                for (Precision precision : Precision.values()) {
                    KERNELS.put(precision, new CudaKernels(engine, memory, precision));
                }
            }
        }
    }

    static Engine engine() {
        Assumptions.assumeTrue(Emulated.ENGINE != null, "the CUDA kernels are not run: " + Emulated.MISSING);
        return Emulated.ENGINE;
    }

    /** One a precision; all have one memory, so that a source may be given to each of them. */
    static CudaKernels kernels(Precision precision) {
        engine();
        return Emulated.KERNELS.get(precision);
    }

    /** The destinations are given as patterns: their layout and first content are copied for each side. */
    static void compare(String what, View[] destinations, BiConsumer<Kernels, View[]> call) {
        compare(what, Precision.F32, EXACT, destinations, call);
    }

    static void compare(
            String what, Precision precision, double tolerance, View[] destinations, BiConsumer<Kernels, View[]> call) {
        View[] expected = TestViews.copies(destinations);
        View[] got = TestViews.copies(destinations);
        CudaKernels fast = kernels(precision);
        call.accept(Backends.scalar(), expected);
        call.accept(fast, got);
        for (int d = 0; d < destinations.length; d++) {
            if (got[d].elements() > 0) {
                assertThat(got[d].buffer().device().kind())
                        .as("%s, destination %d: where it was computed", what, d)
                        .isEqualTo(Device.Kind.CUDA);
            }
            check(what + ", destination " + d, tolerance, expected[d], got[d]);
        }
    }

    /** Threads and blocks run in three different orders; what comes out has the same bits. */
    static void sameInAnyOrder(View destination, BiConsumer<Kernels, View> call) {
        engine();
        double[] first = null;
        for (int seed = 1; seed <= 3; seed++) {
            System.setProperty("aegis.emulator.seed", String.valueOf(seed));
            try (CudaKernels kernels =
                    new CudaKernels(new EmulatorEngine(), new Device(Device.Kind.CUDA, 0), Precision.F32)) {
                View y = TestViews.copies(to(destination))[0];
                call.accept(kernels, y);
                double[] got = y.toDoubles();
                first = first == null ? got : first;
                assertThat(got).as("order %s", seed).isEqualTo(first);
            } finally {
                System.clearProperty("aegis.emulator.seed");
            }
        }
    }

    private static void check(String what, double tolerance, View expected, View got) {
        double[] e = expected.toDoubles();
        double[] g = got.toDoubles();
        double max =
                Arrays.stream(e).filter(Double::isFinite).map(Math::abs).max().orElse(0);
        for (int i = 0; i < e.length; i++) {
            boolean same = Double.compare(e[i], g[i]) == 0 || Math.abs(e[i] - g[i]) <= tolerance * max;
            assertThat(same)
                    .as("%s: element %d of %s: expected %s, got %s, largest %s", what, i, expected, e[i], g[i], max)
                    .isTrue();
        }
        checkAround(what, expected, got);
    }

    /** What lies between and around the elements of a destination is as it was. */
    private static void checkAround(String what, View expected, View got) {
        boolean[] own = new boolean
                [Math.toIntExact(expected.buffer().bytes() / expected.dtype().bytes())];
        for (long i = 0; i < expected.elements(); i++) {
            own[(int) expected.position(i)] = true;
        }
        for (int i = 0; i < own.length; i++) {
            assertThat(own[i] || Double.compare(expected.getAt(i), got.getAt(i)) == 0)
                    .as("%s: place %d beside the elements of %s was overwritten", what, i, expected)
                    .isTrue();
        }
    }

    /**
     * What a result of a type may differ by, of the largest value: it is rounded once, and two sums that differ in the last bits may round to
     * neighbours.
     */
    static double rounding(DType type) {
        return switch (type) {
            case BF16 -> 0x1p-7;
            case F16 -> 0x1p-10;
            default -> EXACT;
        };
    }

    static View garbage(long... shape) {
        return TestViews.garbage(DType.F32, shape);
    }

    static View random(long seed, long... shape) {
        return TestViews.random(seed, DType.F32, shape);
    }

    static View[] to(View... destinations) {
        return destinations;
    }
}
