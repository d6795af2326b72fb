package io.aegis.training;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.RoundedKernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The rule for 16 bits (bench/NOTES.md) over the tensors of a training step: each errs by at most twice the largest error of eight
 * runs that round everything, and in the median by no more than such runs' root mean square; and by more than float32 does.
 */
public final class RoundingRule {
    /** Gradients in float32 may be off by so much of their largest. */
    private static final double FLOAT32 = 1e-3;

    private final Map<String, double[]> exact;
    private final Map<String, Double> largest = new TreeMap<>();
    private final Map<String, Double> squares = new TreeMap<>();
    private final int draws;

    /**
     * Runs the reference.
     *
     * @param exact what a step gives in float32, tensor by tensor
     * @param step the same by other kernels
     */
    public RoundingRule(Map<String, double[]> exact, Function<Kernels, Map<String, double[]>> step) {
        this.exact = exact;
        List<Kernels> kernels = RoundedKernels.draws(Backends.best(), DType.BF16, 8);
        draws = kernels.size();
        for (Kernels each : kernels) {
            step.apply(each).forEach((name, values) -> {
                largest.merge(name, error(name, values), Math::max);
                squares.merge(name, square(name, values), Double::sum);
            });
        }
    }

    /** What is wrong with a step's tensors; nothing where they keep the rule. */
    public List<String> problems(Map<String, double[]> ours) {
        List<String> problems = new ArrayList<>();
        ours.forEach((name, values) -> {
            double allowed = Math.max(float32(name), 2 * largest.get(name));
            // A comparison with no number fails.
            if (!(error(name, values) <= allowed)) {
                problems.add(name + " is off by " + error(name, values) + ", allowed are " + allowed);
            }
        });
        double median = median(ours);
        if (!(median <= 1)) {
            problems.add("the median of deviations is " + median + " of the reference's own");
        }
        // Else products were not rounded at all, and what is tried is float32.
        if (!(median >= 0.1)) {
            problems.add("errors are not those of 16 bits: the median of deviations is " + median);
        }
        return problems;
    }

    /** Over tensors whose error is that of 16 bits: our deviation, of the reference's. */
    private double median(Map<String, double[]> ours) {
        double[] shares = ours.keySet().stream()
                .filter(name -> 2 * largest.get(name) > float32(name))
                .mapToDouble(name -> Math.sqrt(square(name, ours.get(name)) / (squares.get(name) / draws)))
                .sorted()
                .toArray();
        return shares.length < 16 ? Double.NaN : shares[shares.length / 2];
    }

    private double float32(String name) {
        return FLOAT32 * Arrays.stream(exact.get(name)).map(Math::abs).max().orElse(0);
    }

    private double error(String name, double[] values) {
        double[] reference = exact.get(name);
        double error = 0;
        for (int i = 0; i < reference.length; i++) {
            double difference = Math.abs(values[i] - reference[i]);
            error = difference <= error ? error : difference;
        }
        return error;
    }

    private double square(String name, double[] values) {
        double[] reference = exact.get(name);
        double sum = 0;
        for (int i = 0; i < reference.length; i++) {
            sum += (values[i] - reference[i]) * (values[i] - reference[i]);
        }
        return sum / reference.length;
    }
}
