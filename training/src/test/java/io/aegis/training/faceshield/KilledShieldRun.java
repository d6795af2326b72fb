package io.aegis.training.faceshield;

import io.aegis.training.report.ProgressBar;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A run in a process of its own: {@code DATA OUT LOOKS}. Resumes when there is something to resume; hangs after LOOKS looks
 * at the clock.
 */
final class KilledShieldRun {
    private KilledShieldRun() {}

    public static void main(String[] arguments) {
        Path data = Path.of(arguments[0]);
        Path out = Path.of(arguments[1]);
        ProgressBar.Surroundings console = TinyShield.console(Long.parseLong(arguments[2]), () -> {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        FaceShieldTrainingOptions options = TinyShield.options(Stage.FULL, out);
        try {
            if (Files.exists(out.resolve("run.json"))) {
                FaceShieldTrainer.resume(data.resolve("base"), options, TinyShield.data(data), console);
            } else {
                FaceShieldTrainer.train(data.resolve("base"), options, TinyShield.data(data), console);
            }
        } catch (RuntimeException e) {
            System.out.println(e.getMessage());
            System.exit(1);
        }
    }
}
