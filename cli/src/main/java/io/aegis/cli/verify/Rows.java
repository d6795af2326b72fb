package io.aegis.cli.verify;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.function.IntToDoubleFunction;

/** The table of a verification as it grows. */
final class Rows {
    /** Outputs in float32: 1e-4 of the tensor's largest value. */
    static final double OUTPUT = 1e-4;

    /** Gradients in float32: 1e-3. */
    static final double GRADIENT = 1e-3;

    /** In 16 bits: so many times the largest error of a reference that rounds everything. */
    private static final double REFERENCE = 2;

    /** A file with fewer tensors whose error is that of 16 bits says nothing of the typical one. */
    private static final int MANY = 16;

    private final List<Row> rows = new ArrayList<>();
    private final Set<String> seen = new HashSet<>();
    private final Tolerances tolerances;
    private final ReferenceErrors reference;
    private final Literal literal;
    private final Map<String, List<Double>> shares = new TreeMap<>();

    /**
     * @param tolerances of float32
     * @param reference errors of a reference in the precision that is tried; twice the largest is allowed where it is more
     *     than float32's tolerance
     */
    Rows(Tolerances tolerances, ReferenceErrors reference) {
        this(tolerances, reference, Literal.NONE);
    }

    /** @param literal what is compared with in the place of given values */
    Rows(Tolerances tolerances, ReferenceErrors reference, Literal literal) {
        this.tolerances = tolerances;
        this.reference = reference;
        this.literal = literal;
    }

    Rows(Tolerances tolerances) {
        this(tolerances, ReferenceErrors.NONE);
    }

    /** What a row of this name is compared with, where the directory gives {@code given}. */
    double[] reference(String name, double[] given) {
        return literal.reference(name, given);
    }

    /** What is exact in float32 is exact in 16 bits: it is no result of arithmetic. */
    private double allowed(String name, double float32) {
        return float32 == 0 ? 0 : Math.max(float32, REFERENCE * reference.largest(name));
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
        for (double r : literal.reference(name, reference)) {
            // An infinite scale, or one that is no number, would allow everything.
            max = Double.isFinite(r) ? Math.max(max, Math.abs(r)) : max;
        }
        compare(name, reference, ours, relative, absolute, noise, why, max);
    }

    /** As above, with the largest value of {@link #reference} given, and an absolute amount that is allowed besides. */
    void compare(
            String name,
            double[] given,
            double[] ours,
            double relative,
            double absolute,
            boolean[] noise,
            String why,
            double max) {
        seen.add(name);
        literal.computed(name, ours);
        double[] reference = literal.reference(name, given);
        if (reference.length != ours.length) {
            rows.add(new Row(
                    name,
                    max,
                    Double.NaN,
                    Double.NaN,
                    0,
                    Row.Verdict.FAILED,
                    ours.length + " elements, not " + reference.length));
            return;
        }
        double float32 = Math.max(relative * max + absolute, tolerances.floor(name, relative * max));
        double allowed = allowed(name, float32);
        double error = 0;
        double squares = 0;
        int left = 0;
        for (int i = 0; i < ours.length; i++) {
            if (noise[i]) {
                left++;
            } else if (Double.isNaN(ours[i]) != Double.isNaN(reference[i])) {
                error = Double.POSITIVE_INFINITY;
            } else if (!Double.isNaN(ours[i]) && ours[i] != reference[i]) {
                error = Math.max(error, Math.abs(ours[i] - reference[i]));
                squares += (ours[i] - reference[i]) * (ours[i] - reference[i]);
            }
        }
        double deviation = Math.sqrt(squares / Math.max(1, ours.length - left));
        share(name, float32, deviation);
        Row.Verdict verdict = !(error <= allowed)
                ? Row.Verdict.FAILED
                : left > 0 && left == ours.length ? Row.Verdict.NOISE : Row.Verdict.OK;
        rows.add(new Row(name, max, error, deviation, allowed, verdict, left == 0 ? "" : left + " elements: " + why));
    }

    /** Notes how a tensor's error compares with the reference's, where that is the error of 16 bits. */
    private void share(String name, double float32, double deviation) {
        if (float32 > 0 && REFERENCE * reference.largest(name) > float32 && reference.typical(name) > 0) {
            shares.computeIfAbsent(name.substring(0, name.indexOf(':') + 1), file -> new ArrayList<>())
                    .add(deviation / reference.typical(name));
        }
    }

    /**
     * Compares the typical error of each file's tensors with the reference's: at least half of them must deviate by no more
     * than the reference typically does, which rounds whatever we round and more. Twice the largest error allows a
     * single tensor much; no defect that touches all of them passes here.
     */
    void typical() {
        shares.forEach((file, all) -> {
            if (all.size() >= MANY) {
                double[] sorted = all.stream().mapToDouble(x -> x).sorted().toArray();
                double median = sorted[sorted.length / 2];
                // A comparison with no number fails.
                Row.Verdict verdict = median <= 1 ? Row.Verdict.OK : Row.Verdict.FAILED;
                String note = "the median of " + sorted.length + " deviations, each of the rounded reference's own";
                rows.add(new Row(file + "(all)", 1, median, median, 1, verdict, note));
            }
        });
    }

    /**
     * Compares the tokens of greedy answers. In 16 bits another token may be chosen where the two are as good as equal: at
     * an answer's first difference our token may lead the reference's by twice what a logit may be off by, as both are.
     * Tokens behind it follow another text, and are not compared.
     *
     * @param reference as {@link #reference} has it
     * @param steps tokens of an answer; the arrays hold one answer after the other
     * @param lead by how much the logit of our token exceeds that of the reference's in our run, where token i of the arrays
     *     is the first of its answer that differs
     */
    void tokens(String name, double[] reference, double[] ours, int steps, IntToDoubleFunction lead) {
        if (this.reference.isEmpty() || ours.length != reference.length) {
            compare(name, reference, ours, 0);
            return;
        }
        seen.add(name);
        double allowed = 2 * REFERENCE * this.reference.largestOfLogits();
        double error = 0;
        StringJoiner note = new StringJoiner(", ");
        for (int from = 0; from < ours.length; from += steps) {
            int at = Arrays.mismatch(ours, from, from + steps, reference, from, from + steps);
            if (at >= 0) {
                double ahead = lead.applyAsDouble(from + at);
                // A lead that is no number fails.
                error = ahead <= allowed ? Math.max(error, ahead) : Double.POSITIVE_INFINITY;
                note.add("%d for %d at %d ahead by %.3g"
                        .formatted((long) ours[from + at], (long) reference[from + at], at, ahead));
            }
        }
        Row.Verdict verdict = error <= allowed ? Row.Verdict.OK : Row.Verdict.FAILED;
        double max = Arrays.stream(reference).max().orElse(0);
        rows.add(new Row(name, max, error, error, allowed, verdict, note.toString()));
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
        rows.add(new Row(name, 0, max, 0, allowed, max <= allowed ? Row.Verdict.NOISE : Row.Verdict.FAILED, why));
    }

    /** There is nothing to compare with a reference for a reason that is an error. */
    void failed(String name, String why) {
        seen.add(name);
        rows.add(new Row(name, Double.NaN, Double.NaN, Double.NaN, 0, Row.Verdict.FAILED, why));
    }

    /** Says that a key is an input of a comparison, so that nobody misses a row for it. */
    void given(String name) {
        seen.add(name);
    }

    void notCompared(String name, String why) {
        if (seen.add(name)) {
            rows.add(new Row(name, 0, 0, 0, 0, Row.Verdict.NOT_COMPARED, why));
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
