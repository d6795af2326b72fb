package io.aegis.kernels.check;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Runs every operation on given kernels and on the plain ones, at random awkward sizes, into destinations that start as NaN
 * and lie between guards. Each call is made several times: the bits must be the same.
 */
public final class KernelCheck {
    /**
     * One call's outcome.
     *
     * @param name operation and sizes
     * @param error the largest difference, of the destination's largest value; infinite where only one side is finite
     * @param tolerance what is allowed
     * @param problem what is wrong, or null
     */
    public record Outcome(String name, double error, double tolerance, String problem) {}

    private KernelCheck() {}

    /**
     * Checks {@code rounds} calls of every operation.
     *
     * @param rounded whether products and attention of these kernels round to 16 bits
     * @param repeats how often each call is made again for the same bits
     */
    public static List<Outcome> run(Kernels kernels, boolean rounded, int rounds, int repeats, long seed) {
        return run(kernels, rounded, rounds, repeats, seed, name -> true);
    }

    /**
     * As above.
     *
     * @param begins hears of each call before it is made, by its name, and says whether it is to be made
     */
    public static List<Outcome> run(
            Kernels kernels, boolean rounded, int rounds, int repeats, long seed, Predicate<String> begins) {
        return run(Cases.ALL, kernels, rounded, rounds, repeats, seed, begins);
    }

    /** The same for calls that fill a GPU several times over, as kernels that walk over tiles need; the plain ones take seconds for each. */
    public static List<Outcome> runLarge(
            Kernels kernels, boolean rounded, int rounds, int repeats, long seed, Predicate<String> begins) {
        return run(Cases.LARGE, kernels, rounded, rounds, repeats, seed, begins);
    }

    /** Attention alone, of many queries, by kernels that round to 16 bits; half of it causal, of as many keys as queries. */
    public static List<Outcome> runAttention(
            Kernels kernels, int rounds, int repeats, long seed, Predicate<String> begins) {
        return run(Cases.ATTENTION, kernels, true, rounds, repeats, seed, begins);
    }

    private static List<Outcome> run(
            List<Function<Draw, Case>> kinds,
            Kernels kernels,
            boolean rounded,
            int rounds,
            int repeats,
            long seed,
            Predicate<String> begins) {
        List<Outcome> outcomes = new ArrayList<>();
        for (int kind = 0; kind < kinds.size(); kind++) {
            for (int round = 0; round < rounds; round++) {
                try (Arena arena = Arena.ofShared()) {
                    Case c = kinds.get(kind).apply(new Draw(seed + 1000L * kind + round, arena));
                    if (begins.test(c.name())) {
                        outcomes.add(check(kernels, c, rounded ? c.rounded() : c.tolerance(), repeats));
                    }
                }
            }
        }
        return outcomes;
    }

    private static Outcome check(Kernels kernels, Case c, double tolerance, int repeats) {
        View[] expected = copies(c.destinations());
        c.call().accept(Backends.scalar(), expected);
        View[] first = copies(c.destinations());
        String problem;
        double error = 0;
        try {
            c.call().accept(kernels, first);
            problem = damage(expected, first);
            for (int i = 0; i < expected.length; i++) {
                error = Math.max(error, difference(expected[i], first[i]));
            }
            if (problem == null && !(error <= tolerance)) {
                problem = "differs by " + error + " of the largest value, allowed " + tolerance;
            }
            for (int i = 0; problem == null && i < repeats; i++) {
                View[] again = copies(c.destinations());
                c.call().accept(kernels, again);
                problem = sameBits(first, again) ? null : "gave other bits the second time";
            }
        } catch (RuntimeException e) {
            problem = Optional.ofNullable(e.getMessage()).orElse(e.toString());
        }
        for (View v : first) {
            v.buffer().discardMirror();
        }
        return new Outcome(c.name(), error, tolerance, problem);
    }

    private static double difference(View expected, View got) {
        double[] e = expected.toDoubles();
        double[] g = got.toDoubles();
        double max =
                Arrays.stream(e).filter(Double::isFinite).map(Math::abs).max().orElse(0);
        double worst = 0;
        for (int i = 0; i < e.length; i++) {
            if (Double.compare(e[i], g[i]) != 0 && e[i] != g[i]) {
                double d = Math.abs(e[i] - g[i]) / (max == 0 ? 1 : max);
                worst = Math.max(worst, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
            }
        }
        return worst;
    }

    /** What lies around a destination, in its buffer, must be as it was. */
    private static String damage(View[] expected, View[] got) {
        for (int d = 0; d < expected.length; d++) {
            View e = whole(expected[d]);
            View g = whole(got[d]);
            boolean[] own = new boolean[(int) e.elements()];
            for (long i = 0; i < expected[d].elements(); i++) {
                own[(int) expected[d].position(i)] = true;
            }
            for (int i = 0; i < own.length; i++) {
                if (!own[i] && Double.compare(e.getAt(i), g.getAt(i)) != 0) {
                    return "wrote outside destination " + d + ", at element " + (i - expected[d].offset()) + " of it";
                }
            }
        }
        return null;
    }

    private static boolean sameBits(View[] a, View[] b) {
        for (int d = 0; d < a.length; d++) {
            if (a[d].buffer().reading().mismatch(b[d].buffer().reading()) >= 0) {
                return false;
            }
        }
        return true;
    }

    private static View whole(View v) {
        return View.of(v.buffer(), v.dtype(), v.buffer().bytes() / v.dtype().bytes());
    }

    private static View[] copies(View[] views) {
        View[] out = new View[views.length];
        for (int i = 0; i < views.length; i++) {
            View v = views[i];
            View bytes = View.allocate(Arena.ofAuto(), DType.U8, v.buffer().bytes());
            bytes.segment().copyFrom(v.buffer().reading());
            Buffer buffer = bytes.buffer();
            out[i] = View.of(buffer, v.dtype(), v.offset(), v.shape(), v.strides());
        }
        return out;
    }
}
