package io.aegis.cli;

import io.aegis.cli.demo.Demo;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Everything once, on faces that it draws itself. */
@Command(
        name = "demo",
        description =
                "Draws synthetic faces and attacks in RGB, depth and infrared, trains a small DADM on three of their"
                        + " domains, scores the fourth, and writes a report. Takes about three minutes on two cores.",
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "where to (default ${DEFAULT-VALUE}); a former demo there is replaced")
    Path out = Path.of("demo");

    @Option(
            names = "--faceshield",
            paramLabel = "DIR",
            description = "a FaceShield that learned from synthesize-faces: lets it talk about new faces as well")
    Path faceShield;

    @Option(names = "--seed", description = "of faces and training (default ${DEFAULT-VALUE})")
    long seed = 1;

    @Option(names = "--quick", description = "a few seconds of training: to see that everything works, not how well")
    boolean quick;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        if (System.getProperty("aegis.threads") == null) {
            System.setProperty("aegis.threads", "1"); // each of the two models that train at once has one
        }
        new Demo(
                        out,
                        Optional.ofNullable(faceShield),
                        seed,
                        quick,
                        spec.commandLine().getOut())
                .run();
        return 0;
    }
}
