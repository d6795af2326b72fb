package io.aegis.cli.verify;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How far several runs of a reference in 16 bits were from float32's values, tensor by tensor. A run's error is a random
 * variable, of which the largest of several runs is a bound and the root of their mean square the size.
 */
final class ReferenceErrors {
    /** Of no runs: what is tried is float32 itself. */
    static final ReferenceErrors NONE = new ReferenceErrors(List.of());

    private final Map<String, Double> largest = new HashMap<>();
    private final Map<String, Double> squares = new HashMap<>();
    private final int runs;

    /** @param runs the tables of all runs */
    ReferenceErrors(List<Rows> runs) {
        this.runs = runs.size();
        for (Rows run : runs) {
            for (Row row : run.all()) {
                if (Double.isFinite(row.error())) {
                    largest.merge(row.name(), row.error(), Math::max);
                    squares.merge(row.name(), row.deviation() * row.deviation(), Double::sum);
                }
            }
        }
    }

    boolean isEmpty() {
        return runs == 0;
    }

    /** The largest difference of any element in any run; 0 for an unknown tensor. */
    double largest(String name) {
        return largest.getOrDefault(name, 0.0);
    }

    /** The root mean square difference over elements and runs; 0 for an unknown tensor. */
    double typical(String name) {
        return isEmpty() ? 0 : Math.sqrt(squares.getOrDefault(name, 0.0) / runs);
    }

    /** The largest difference of any logit of any batch. */
    double largestOfLogits() {
        return largest.entrySet().stream()
                .filter(e -> e.getKey().endsWith("logits"))
                .mapToDouble(Map.Entry::getValue)
                .max()
                .orElse(0);
    }
}
