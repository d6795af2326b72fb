package io.aegis.cli;

import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.instruction.SyntheticInstructions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Data for a FaceShield to learn from, of faces that nobody has. */
@Command(
        name = "synthesize-faces",
        description = "Draws faces and attacks for a colour camera, writes questions and answers about them as train"
                + " faceshield and evaluate faceshield read them, and beside them a small FaceShield that has learned"
                + " nothing yet. The same seed gives the same files.",
        mixinStandardHelpOptions = true)
final class SynthesizeFacesCommand implements Callable<Integer> {
    private static final int PATCH = SyntheticInstructions.PATCH;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "where to")
    Path out;

    @Option(names = "--count", description = "faces to learn from (default ${DEFAULT-VALUE})")
    int count = 12000;

    @Option(names = "--development", description = "faces to choose the best state by (default ${DEFAULT-VALUE})")
    int development = 200;

    @Option(names = "--test", description = "faces of each of two test sets (default ${DEFAULT-VALUE})")
    int test = 500;

    @Option(names = "--size", description = "width and height in pixels, a multiple of 16 (default ${DEFAULT-VALUE})")
    int size = SyntheticInstructions.DEFAULT_SIZE;

    @Option(
            names = "--domains",
            split = ",",
            paramLabel = "NAME",
            description = "that are learned (default ${DEFAULT-VALUE}); there are office, daylight, kiosk and night")
    List<String> domains = List.of("office", "daylight", "kiosk");

    @Option(names = "--unseen", paramLabel = "NAME", description = "of the second test set (default ${DEFAULT-VALUE})")
    String unseen = "night";

    @Option(names = "--seed", description = "of everything (default ${DEFAULT-VALUE})")
    long seed = 1;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        atLeast("--count", count, 1);
        atLeast("--development", development, 1);
        atLeast("--test", test, 1);
        if (size < 2 * PATCH || size % PATCH != 0) {
            throw misused("--size " + size + ": expected a multiple of " + PATCH + " from " + 2 * PATCH + " on");
        }
        List<Domain> seen = domains.stream().map(this::domain).toList();
        new SyntheticInstructions(seed, size, seen).write(out, count, development, test, domain(unseen));
        PrintWriter console = spec.commandLine().getOut();
        console.println(count + " faces to learn from, " + development + " to choose by, twice " + test
                + " to test on, and a small model: " + out);
        return 0;
    }

    private Domain domain(String name) {
        return Domain.standard().stream()
                .filter(d -> d.name().equals(name))
                .findFirst()
                .orElseThrow(() -> misused("domain '" + name + "': expected one of "
                        + Domain.standard().stream().map(Domain::name).collect(Collectors.joining(", "))));
    }

    private void atLeast(String option, int value, int least) {
        if (value < least) {
            throw misused(option + " " + value + ": expected at least " + least);
        }
    }

    private ParameterException misused(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
