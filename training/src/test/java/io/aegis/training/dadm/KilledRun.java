package io.aegis.training.dadm;

import java.nio.file.Files;
import java.nio.file.Path;

/** A run in a process of its own: {@code OUT MILLISECONDS-A-SAMPLE}. Resumes when there is something to resume. */
final class KilledRun {
    private KilledRun() {}

    public static void main(String[] arguments) {
        Path out = Path.of(arguments[0]);
        long pause = Long.parseLong(arguments[1]);
        DadmTrainingData data = TinyFaces.data(sample -> {
            Thread.sleep(pause);
            return TinyFaces.draw(sample);
        });
        try {
            if (Files.exists(out.resolve("run.json"))) {
                DadmTrainer.resume(out, data, TinyFaces.SILENT);
            } else {
                DadmTrainer.train(TinyFaces.options(out), data, TinyFaces.SILENT);
            }
        } catch (RuntimeException e) {
            System.out.println(e.getMessage());
            System.exit(1);
        }
    }
}
