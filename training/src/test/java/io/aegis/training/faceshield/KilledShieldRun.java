package io.aegis.training.faceshield;

import io.aegis.training.report.ProgressBar;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A run in a process of its own: {@code DATA OUT LOOKS}. Resumes when there is something to resume; hangs after LOOKS looks
 * at the clock since its first checkpoint.
 */
final class KilledShieldRun {
    private KilledShieldRun() {}

    public static void main(String[] arguments) {
        Path data = Path.of(arguments[0]);
        Path out = Path.of(arguments[1]);
        long looks = Long.parseLong(arguments[2]);
        AtomicLong seen = new AtomicLong();
        ProgressBar.Surroundings console = TinyShield.console(0, () -> {
            if (!Files.exists(out.resolve("last.safetensors")) || seen.incrementAndGet() <= looks) {
                return;
            }
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
