package io.aegis.training.dadm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/** A run in a process of its own: {@code OUT READS}. Resumes when there is something to resume; hangs after READS reads. */
final class KilledRun {
    private KilledRun() {}

    public static void main(String[] arguments) {
        Path out = Path.of(arguments[0]);
        int reads = Integer.parseInt(arguments[1]);
        AtomicInteger count = new AtomicInteger();
        DadmTrainingData data = TinyFaces.data(sample -> {
            if (count.incrementAndGet() > reads) {
                Thread.sleep(Long.MAX_VALUE);
            }
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
