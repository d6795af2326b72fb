package io.aegis.cli.verify;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * For each tensor, how far a float32 run of the reference was from its float64 run. Where that alone exceeds the relative
 * tolerance, the tensor is at noise level, and four times the reference's own error is allowed: two runs that round
 * differently may each be off by that much, with another order of summation.
 *
 * <p>{@code tolerances.json} of a directory has the errors by file and key; {@code meta.json} of the set around it by
 * directory, group and key, as pairs [error, largest value].
 */
final class Tolerances {
    private static final double NOISE = 4;

    /** What a float32 run's gradients are off by, of their largest, where nobody measured it: some tens of roundings. */
    private static final double GRADIENTS = 4e-6;

    private final Map<String, Double> errors = new HashMap<>();
    private double gradients = GRADIENTS;

    private Tolerances() {}

    /** No floors. */
    static Tolerances none() {
        return new Tolerances();
    }

    /** Reads the file of a directory and of its set; without one there are no floors. */
    static Tolerances of(Path directory) throws IOException {
        Tolerances out = new Tolerances();
        ObjectMapper mapper = new ObjectMapper();
        Path own = directory.resolve("tolerances.json");
        if (Files.exists(own)) {
            mapper.readTree(own.toFile())
                    .properties()
                    .forEach(e -> out.errors.put(
                            e.getKey(),
                            e.getValue().path("maxabs_fp32_minus_fp64").asDouble(0)));
        }
        Path absolute = directory.toAbsolutePath().normalize();
        Path set = absolute.resolveSibling("meta.json");
        if (Files.exists(set)) {
            JsonNode entry =
                    mapper.readTree(set.toFile()).path(absolute.getFileName().toString());
            out.readGroup("io:", entry);
        }
        return out;
    }

    private void readGroup(String prefix, JsonNode group) {
        group.properties().forEach(e -> {
            JsonNode value = e.getValue();
            if (value.isObject()) {
                // The word between a group and its tensors is no part of their names.
                readGroup(e.getKey().equals("f32_vs_f64") ? prefix : prefix + e.getKey() + ".", value);
            } else if (value.isArray()
                    && value.size() == 2
                    && value.get(0).isNumber()
                    && value.get(1).isNumber()) {
                errors.put(prefix + e.getKey(), value.get(0).asDouble());
            } else if (e.getKey().startsWith("grads_") && e.getKey().endsWith("max_rel")) {
                gradients = Math.max(gradients, value.asDouble());
            }
        });
    }

    /** The absolute floor of a tensor whose relative tolerance allows {@code allowed}; 0 where that one holds. */
    double floor(String name, double allowed) {
        double noise = errors.getOrDefault(name, 0.0);
        return noise > allowed ? NOISE * noise : 0;
    }

    /** Below it, a gradient is rounding noise where the largest of all gradients of a loss is {@code largest}. */
    double gradientFloor(double largest) {
        return NOISE * gradients * largest;
    }
}
