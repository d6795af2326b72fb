package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.training.TrainingException;
import io.aegis.weights.WeightsException;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A run that stopped and went on is the run that did not stop. The timeout only ends what would hang. */
@Timeout(300)
class FaceShieldResumeTest {
    /** Data, and runs that nothing happened to. */
    @TempDir
    static Path shared;

    private static Path straight;
    private static Path adapted;

    @TempDir
    Path folder;

    @BeforeAll
    static void run() {
        TinyShield.write(shared, 16);
        straight = shared.resolve("straight");
        adapted = shared.resolve("adapted");
        start(Stage.FULL, shared.resolve("base"), straight);
        start(Stage.ADAPTERS, straight.resolve("best"), adapted);
    }

    private static void start(Stage stage, Path base, Path out) {
        FaceShieldTrainer.train(base, TinyShield.options(stage, out), TinyShield.data(shared), TinyShield.SILENT);
    }

    static void assertSameRun(Path run, Path other, String best) {
        for (String file : List.of(
                "last.safetensors",
                best,
                "log.csv",
                "development_log.csv",
                "development.csv",
                "curves.svg",
                "roc.svg",
                "scores.svg",
                "report.html")) {
            assertThat(run.resolve(file)).as(file).hasSameBinaryContentAs(other.resolve(file));
        }
    }

    /** Looks at the clock: once a bar, once a picture, once an update. */
    private static void failing(Stage stage, Path base, Path out, int looks) {
        assertThatThrownBy(() -> FaceShieldTrainer.train(
                        base, TinyShield.options(stage, out), TinyShield.data(shared), TinyShield.console(looks, () -> {
                            throw new IllegalStateException("the clock stopped");
                        })))
                .hasMessage("the clock stopped");
    }

    @Test
    void everyStageGoesOnWithTheSameBytes() {
        Path one = folder.resolve("one");
        failing(Stage.FULL, shared.resolve("base"), one, 22);
        FaceShieldTrainer.resume(
                shared.resolve("base"),
                TinyShield.options(Stage.FULL, one),
                TinyShield.data(shared),
                TinyShield.SILENT);
        assertSameRun(one, straight, "best/model.safetensors");

        Path two = folder.resolve("two");
        failing(Stage.ADAPTERS, straight.resolve("best"), two, 24);
        FaceShieldTrainer.resume(
                straight.resolve("best"),
                TinyShield.options(Stage.ADAPTERS, two),
                TinyShield.data(shared),
                TinyShield.SILENT);
        assertSameRun(two, adapted, "adapter/adapter_model.safetensors");
    }

    @Test
    void aRunKilledBeforeItsFirstCheckpointStartsAnew() {
        Path out = folder.resolve("run");
        failing(Stage.FULL, shared.resolve("base"), out, 5);
        assertThat(out.resolve("last.safetensors")).doesNotExist();

        FaceShieldTrainer.resume(
                shared.resolve("base"),
                TinyShield.options(Stage.FULL, out),
                TinyShield.data(shared),
                TinyShield.SILENT);

        assertSameRun(out, straight, "best/model.safetensors");
    }

    @Test
    void aRunThatEndedIsNotTrainedFurther() throws IOException {
        byte[] last = Files.readAllBytes(straight.resolve("last.safetensors"));
        Files.delete(straight.resolve("roc.svg"));

        FaceShieldTrainer.resume(
                shared.resolve("base"),
                TinyShield.options(Stage.FULL, straight),
                TinyShield.data(shared),
                TinyShield.SILENT);

        assertThat(straight.resolve("last.safetensors")).hasBinaryContent(last);
        assertThat(straight.resolve("roc.svg")).exists();
    }

    @Test
    void otherOptionsDataOrModelsAreRefused() throws IOException {
        Path out = folder.resolve("run");
        Path base = shared.resolve("base");
        failing(Stage.FULL, base, out, 22);
        byte[] last = Files.readAllBytes(out.resolve("last.safetensors"));
        FaceShieldTrainingOptions options = TinyShield.options(Stage.FULL, out);

        assertThatThrownBy(() -> FaceShieldTrainer.resume(
                        base, options.withSeed(43), TinyShield.data(shared), TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessage(out + ": cannot be resumed with other options than it began with: seed 43 rather than 42");
        assertThatThrownBy(() -> FaceShieldTrainer.resume(
                        straight.resolve("best"), options, TinyShield.data(shared), TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith(out + ": cannot be resumed with other options than it began with: model ");
        FaceShieldTrainingData all = TinyShield.data(shared);
        FaceShieldTrainingData less = new FaceShieldTrainingData(
                all.train().where(s -> s != all.train().samples().getFirst()), all.development(), new Problems());
        assertThatThrownBy(() -> FaceShieldTrainer.resume(base, options, less, TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith(out + ": cannot be resumed with other data than it began with");
        assertThatThrownBy(() -> FaceShieldTrainer.train(base, options, all, TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith(out + ": holds a run already");
        assertThat(out.resolve("last.safetensors")).hasBinaryContent(last);
        Files.write(out.resolve("last.safetensors"), Arrays.copyOf(last, last.length / 2));
        assertThatThrownBy(() -> FaceShieldTrainer.resume(base, options, all, TinyShield.SILENT))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(out.resolve("last.safetensors") + ": ");
    }

    @Test
    void aRunThatIsKilledAndResumedInAnotherProcessWritesTheSameBytes() throws Exception {
        Path killed = folder.resolve("killed");
        // It looks at the clock more than six times between its first checkpoint and its end, and is killed in between,
        // wherever it is then.
        int looks = ThreadLocalRandom.current().nextInt(6);
        Process run = process(List.of(), killed, looks);
        while (!Files.exists(killed.resolve("last.safetensors")) && run.isAlive()) {
            Thread.sleep(2);
        }
        Thread.sleep(ThreadLocalRandom.current().nextInt(200));
        assertThat(run.destroyForcibly().waitFor()).isNotZero();

        FaceShieldTrainer.resume(
                shared.resolve("base"),
                TinyShield.options(Stage.FULL, killed),
                TinyShield.data(shared),
                TinyShield.SILENT);

        assertSameRun(killed, straight, "best/model.safetensors");
    }

    @Test
    void aDiskThatIsFullKeepsTheCheckpointAndNamesIt() throws Exception {
        Path shell = Path.of("/bin/bash");
        Assumptions.assumeTrue(Files.isExecutable(shell), "there is no bash to limit the size of files");
        Path out = folder.resolve("run");
        failing(Stage.FULL, shared.resolve("base"), out, 22);
        Path last = out.resolve("last.safetensors");
        byte[] before = Files.readAllBytes(last);

        // In blocks of 1024 bytes: half of the checkpoint fits.
        Process run = process(
                List.of(shell.toString(), "-c", "ulimit -f " + before.length / 2048 + "; exec \"$@\"", "limited"),
                out,
                Integer.MAX_VALUE);
        String said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(run.waitFor()).isEqualTo(1);
        assertThat(said).startsWith(last + ": could not be written: ").endsWith("; the previous file is unchanged\n");
        assertThat(last).hasBinaryContent(before);
    }

    private static Process process(List<String> prefix, Path out, int looks) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        command.addAll(List.of(java.toString(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"));
        command.addAll(List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp"));
        List<String> path = new ArrayList<>(List.of("target/test-classes", "target/classes"));
        path.add(System.getProperty("jdk.module.path", ""));
        path.add(System.getProperty("java.class.path", ""));
        path.removeIf(String::isEmpty);
        command.add(String.join(File.pathSeparator, path));
        command.addAll(
                List.of(KilledShieldRun.class.getName(), shared.toString(), out.toString(), Integer.toString(looks)));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }
}
