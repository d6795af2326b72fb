package io.aegis.cli.verify;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * {@code tolerances.json}: for each tensor, how far a float32 run of the reference was from its float64 run. Where that
 * alone exceeds the relative tolerance, the tensor is at noise level, and four times the reference's own error is allowed:
 * two runs that round differently may each be off by that much, with another order of summation.
 */
final class Tolerances {
    private static final double NOISE = 4;

    private final JsonNode root;

    private Tolerances(JsonNode root) {
        this.root = root;
    }

    /** No floors. */
    static Tolerances none() {
        return new Tolerances(new ObjectMapper().createObjectNode());
    }

    /** Reads the file of a directory; without one there are no floors. */
    static Tolerances of(Path directory) throws IOException {
        Path file = directory.resolve("tolerances.json");
        ObjectMapper mapper = new ObjectMapper();
        return new Tolerances(Files.exists(file) ? mapper.readTree(file.toFile()) : mapper.createObjectNode());
    }

    /** The absolute floor of a tensor whose relative tolerance allows {@code allowed}; 0 where that one holds. */
    double floor(String name, double allowed) {
        double noise = root.path(name).path("maxabs_fp32_minus_fp64").asDouble(0);
        return noise > allowed ? NOISE * noise : 0;
    }
}
