package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.function.BiConsumer;

/**
 * Runs one call on the plain kernels and on the fast ones, each into destinations of its own that start as garbage, and
 * compares. The tolerance is relative to the largest value of a destination: float32 keeps 6e-8, a sum of n products
 * loses about sqrt(n) of those at random, and the sizes here stay below 3000.
 */
final class Twin {
    private static final double TOLERANCE = 1e-5;
    private static final Kernels FAST = new CpuKernels();

    private Twin() {}

    static Kernels fast() {
        return FAST;
    }

    /** The destinations are given as patterns: their layout and first content are copied for each side. */
    static void compare(String what, View[] destinations, BiConsumer<Kernels, View[]> call) {
        compare(what, FAST, destinations, call);
    }

    static void compare(String what, Kernels fast, View[] destinations, BiConsumer<Kernels, View[]> call) {
        View[] expected = TestViews.copies(destinations);
        View[] got = TestViews.copies(destinations);
        call.accept(Backends.scalar(), expected);
        call.accept(fast, got);
        for (int d = 0; d < destinations.length; d++) {
            check(what + ", destination " + d, expected[d], got[d]);
        }
    }

    static void check(String what, View expected, View got) {
        double[] e = expected.toDoubles();
        double[] g = got.toDoubles();
        double max = 0;
        for (double x : e) {
            max = Math.max(max, Double.isFinite(x) ? Math.abs(x) : 0);
        }
        for (int i = 0; i < e.length; i++) {
            boolean same = Double.compare(e[i], g[i]) == 0 || Math.abs(e[i] - g[i]) <= TOLERANCE * max;
            assertThat(same)
                    .as("%s: element %d of %s: expected %s, got %s, largest %s", what, i, expected, e[i], g[i], max)
                    .isTrue();
        }
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
