package io.aegis.cli.bench;

import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.HostMemory;
import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.WeightType;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What is to be measured, and how.
 *
 * @param shape a name of {@link Shapes}, or of a product as {@code MxKxN}; null for what the section measures by itself
 * @param model a folder with real weights instead; null for random ones
 * @param types how the weights are stored; empty for what the section measures by itself
 * @param compute what products round their operands to
 * @param plan how often
 * @param prompt tokens of a prompt
 * @param tokens said after it
 * @param batches samples or pictures at once; empty for what the section measures by itself
 * @param scaling whether work that is bound by arithmetic is timed on one thread as well
 */
public record Request(
        String shape,
        Path model,
        List<WeightType> types,
        Compute compute,
        Measurement.Plan plan,
        int prompt,
        int tokens,
        List<Integer> batches,
        boolean scaling) {
    /** What the machine needs beside the work. */
    private static final long SPARE = 512L << 20;

    /** Why so many bytes more cannot be had; empty when they can. */
    static Optional<String> tooLarge(double bytes) {
        long available = HostMemory.available();
        return bytes + SPARE <= available
                ? Optional.empty()
                : Optional.of(String.format(
                        Locale.ROOT,
                        "needs about %.1f GB of memory, %.1f GB are available",
                        (bytes + SPARE) / 1e9,
                        available / 1e9));
    }
}
