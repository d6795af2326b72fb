package io.aegis.cli.bench;

import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.OwnProcess;
import io.aegis.cli.workload.TestPicture;
import io.aegis.image.Png;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * How long a person waits for a new process: for its version, for {@code doctor}, and until a small model has scored one
 * picture. They are started as a person starts them, by the launcher, where this program was.
 */
final class StartupSection {
    private static final String SMALL = "pretrained/faceshield-small";
    private static final int LIMIT = 120;

    private StartupSection() {}

    static void run(Request request, Consumer<Figure> out) {
        List<String> start = start();
        String how = start.size() == 1 ? "by the launcher" : "java with this program's flags";
        out.accept(timed("start, --version", how, start, request.plan(), "--version"));
        out.accept(timed("start, doctor", how, start, request.plan(), "doctor"));
        Path model = request.model() != null ? request.model() : Path.of(home(), SMALL);
        String name = "start, one picture by " + (request.model() != null ? model : "the small FaceShield");
        if (!Files.isDirectory(model)) {
            out.accept(Figure.leftOut(name, model + " is not here"));
            return;
        }
        try {
            Path picture = Files.createTempFile("aegis-bench", ".png");
            try {
                Png.write(picture, TestPicture.gradient());
                out.accept(timed(
                        name,
                        how,
                        start,
                        request.plan(),
                        "analyze",
                        "--model",
                        model.toString(),
                        "--image",
                        picture.toString(),
                        "--task",
                        "coarse"));
            } finally {
                Files.delete(picture);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String home() {
        return System.getProperty("aegis.home", ".");
    }

    private static List<String> start() {
        Path launcher = Path.of(home(), "aegis");
        return System.getProperty("aegis.home") != null && Files.isExecutable(launcher)
                ? List.of(launcher.toString())
                : OwnProcess.command(List.of());
    }

    private static Figure timed(
            String work, String how, List<String> start, Measurement.Plan plan, String... arguments) {
        List<String> command = new ArrayList<>(start);
        command.addAll(List.of(arguments));
        // The first run also reads files that are not yet in the system's cache.
        double[] seconds = new double[plan.runs()];
        for (int i = -1; i < plan.runs(); i++) {
            double s = once(command);
            if (Double.isNaN(s)) {
                return Figure.leftOut(
                        work, "`" + String.join(" ", arguments) + "` failed or took over " + LIMIT + " s");
            }
            if (i >= 0) {
                seconds[i] = s;
            }
        }
        Measurement m = Measurement.sorted(1, Double.NaN, Double.NaN, seconds);
        return Figure.time(work, m, 1, "process", Double.NaN, null, how);
    }

    /** Seconds until the process has ended; NaN when it fails. */
    private static double once(List<String> command) {
        try {
            long began = System.nanoTime();
            Process p = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!p.waitFor(LIMIT, TimeUnit.SECONDS)) {
                p.destroyForcibly().waitFor();
                return Double.NaN;
            }
            return p.exitValue() == 0 ? (System.nanoTime() - began) / 1e9 : Double.NaN;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Double.NaN;
        }
    }
}
