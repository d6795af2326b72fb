package io.aegis.cli;

import io.aegis.cli.demo.Demo;
import java.nio.file.Files;
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
                "Lets a small FaceShield talk about synthetic faces and attacks; draws more of them in RGB, depth and"
                        + " infrared, trains a small DADM on three of their domains and scores the fourth; writes a"
                        + " report. Takes three to five minutes on two cores.",
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
            description =
                    "the FaceShield that talks, one that learned from synthesize-faces (default: the one that comes with"
                            + " the sources)")
    Path faceShield;

    @Option(names = "--seed", description = "of faces and training (default ${DEFAULT-VALUE})")
    long seed = 1;

    @Option(names = "--quick", description = "a few seconds of training: to see that everything works, not how well")
    boolean quick;

    @Spec
    CommandSpec spec;

    /** Where the launcher's sources have a trained model; elsewhere there is none. */
    private static Optional<Path> bundled() {
        return Optional.ofNullable(System.getProperty("aegis.home"))
                .map(home -> Path.of(home, "pretrained", "faceshield-small"))
                .filter(Files::isDirectory);
    }

    @Override
    public Integer call() throws Exception {
        if (System.getProperty("aegis.threads") == null) {
            System.setProperty("aegis.threads", "1"); // each of the two models that train at once has one
        }
        new Demo(
                        out,
                        Optional.ofNullable(faceShield).or(DemoCommand::bundled),
                        seed,
                        quick,
                        spec.commandLine().getOut())
                .run();
        return 0;
    }
}
