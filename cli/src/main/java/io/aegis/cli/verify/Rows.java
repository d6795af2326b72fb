package io.aegis.cli.verify;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The table of a verification as it grows. */
final class Rows {
    /** Outputs in float32: 1e-4 of the tensor's largest value. */
    static final double OUTPUT = 1e-4;

    /** Gradients in float32: 1e-3. */
    static final double GRADIENT = 1e-3;

    /** In 16 bits: so many times the error of a reference that rounds everything. */
    private static final double REFERENCE = 2;

    private final List<Row> rows = new ArrayList<>();
    private final Set<String> seen = new HashSet<>();
    private final Tolerances tolerances;
    private final Map<String, Double> reference;

    /**
     * @param tolerances of float32
     * @param reference by tensor, the error of a reference in the precision that is tried; twice that is allowed where it
     *     is more than float32's tolerance
     */
    Rows(Tolerances tolerances, Map<String, Double> reference) {
        this.tolerances = tolerances;
        this.reference = reference;
    }

    Rows(Tolerances tolerances) {
        this(tolerances, Map.of());
    }

    /** The largest difference of each tensor. */
    Map<String, Double> errors() {
        return rows.stream()
                .filter(r -> Double.isFinite(r.error()))
                .collect(Collectors.toMap(Row::name, Row::error, Math::max));
    }

    private double allowed(String name, double float32) {
        return Math.max(float32, REFERENCE * reference.getOrDefault(name, 0.0));
    }

    /**
     * Compares two tensors, given row by row.
     *
     * @param name file without its ending, a colon, and the key
     * @param relative tolerance, of the reference's largest value
     */
    void compare(String name, double[] reference, double[] ours, double relative) {
        compare(name, reference, ours, relative, new boolean[reference.length], "");
    }

    /** As above; elements marked in {@code noise} are left out, and {@code why} says what they are. */
    void compare(String name, double[] reference, double[] ours, double relative, boolean[] noise, String why) {
        compare(name, reference, ours, relative, 0, noise, why);
    }

    /** As the first, with an absolute amount that is allowed besides. */
    void compare(String name, double[] reference, double[] ours, double relative, double absolute) {
        compare(name, reference, ours, relative, absolute, new boolean[reference.length], "");
    }

    private void compare(
            String name,
            double[] reference,
            double[] ours,
            double relative,
            double absolute,
            boolean[] noise,
            String why) {
        double max = 0;
        for (double r : reference) {
            // An infinite scale, or one that is no number, would allow everything.
            max = Double.isFinite(r) ? Math.max(max, Math.abs(r)) : max;
        }
        compare(name, reference, ours, relative, absolute, noise, why, max);
    }

    /** As above, with the largest value given, and an absolute amount that is allowed besides. */
    void compare(
            String name,
            double[] reference,
            double[] ours,
            double relative,
            double absolute,
            boolean[] noise,
            String why,
            double max) {
        seen.add(name);
        if (reference.length != ours.length) {
            rows.add(new Row(
                    name, max, Double.NaN, 0, Row.Verdict.FAILED, ours.length + " elements, not " + reference.length));
            return;
        }
        double allowed = allowed(name, Math.max(relative * max + absolute, tolerances.floor(name, relative * max)));
        double error = 0;
        int left = 0;
        for (int i = 0; i < ours.length; i++) {
            if (noise[i]) {
                left++;
            } else if (Double.isNaN(ours[i]) != Double.isNaN(reference[i])) {
                error = Double.POSITIVE_INFINITY;
            } else if (!Double.isNaN(ours[i]) && ours[i] != reference[i]) {
                error = Math.max(error, Math.abs(ours[i] - reference[i]));
            }
        }
        Row.Verdict verdict = !(error <= allowed)
                ? Row.Verdict.FAILED
                : left > 0 && left == ours.length ? Row.Verdict.NOISE : Row.Verdict.OK;
        rows.add(new Row(name, max, error, allowed, verdict, left == 0 ? "" : left + " elements: " + why));
    }

    /** Below it, a gradient is rounding noise where the largest of all gradients of a loss is {@code largest}. */
    double gradientFloor(double largest) {
        return tolerances.gradientFloor(largest);
    }

    /** The whole tensor is known to be rounding noise: our value must be noise as well. */
    void noise(String name, double[] ours, double limit, String why) {
        seen.add(name);
        double max = 0;
        for (double x : ours) {
            max = Double.isNaN(x) ? Double.POSITIVE_INFINITY : Math.max(max, Math.abs(x));
        }
        double allowed = allowed(name, limit);
        rows.add(new Row(name, 0, max, allowed, max <= allowed ? Row.Verdict.NOISE : Row.Verdict.FAILED, why));
    }

    /** There is nothing to compare with a reference for a reason that is an error. */
    void failed(String name, String why) {
        seen.add(name);
        rows.add(new Row(name, Double.NaN, Double.NaN, 0, Row.Verdict.FAILED, why));
    }

    /** Says that a key is an input of a comparison, so that nobody misses a row for it. */
    void given(String name) {
        seen.add(name);
    }

    void notCompared(String name, String why) {
        if (seen.add(name)) {
            rows.add(new Row(name, 0, 0, 0, Row.Verdict.NOT_COMPARED, why));
        }
    }

    List<Row> all() {
        return List.copyOf(rows);
    }

    /** How many rows ended each way. */
    Map<Row.Verdict, Integer> counts() {
        Map<Row.Verdict, Integer> counts = new EnumMap<>(Row.Verdict.class);
        for (Row.Verdict v : Row.Verdict.values()) {
            counts.put(v, 0);
        }
        rows.forEach(r -> counts.merge(r.verdict(), 1, Integer::sum));
        return counts;
    }

    /** 0 when all is well, 1 when a row failed, 2 when something could not be compared. */
    int exitCode() {
        Map<Row.Verdict, Integer> counts = counts();
        return counts.get(Row.Verdict.FAILED) > 0 ? 1 : counts.get(Row.Verdict.NOT_COMPARED) > 0 ? 2 : 0;
    }

    /** Writes the table: all rows, or only those that are neither right nor noise. */
    void print(PrintWriter out, boolean all) {
        int width = rows.stream().mapToInt(r -> r.name().length()).max().orElse(4);
        out.printf("%-" + width + "s  %10s  %10s  %10s  %s%n", "tensor", "max |ref|", "max |diff|", "of allowed", "");
        for (Row r : rows) {
            if (all || r.verdict() == Row.Verdict.FAILED || r.verdict() == Row.Verdict.NOT_COMPARED) {
                String share = r.allowed() == 0 ? "-" : String.format("%.3f", r.error() / r.allowed());
                String verdict =
                        r.verdict().name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ');
                out.printf(
                        "%-" + width + "s  %10.3e  %10.3e  %10s  %s%s%n",
                        r.name(),
                        r.reference(),
                        r.error(),
                        share,
                        verdict,
                        r.note().isEmpty() ? "" : " (" + r.note() + ")");
            }
        }
        Map<Row.Verdict, Integer> n = counts();
        out.printf(
                "%d tensors: %d ok, %d noise, %d failed, %d not compared%n",
                rows.size(),
                n.get(Row.Verdict.OK),
                n.get(Row.Verdict.NOISE),
                n.get(Row.Verdict.FAILED),
                n.get(Row.Verdict.NOT_COMPARED));
        out.flush();
    }
}
