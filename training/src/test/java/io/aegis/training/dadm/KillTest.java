package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs in processes of their own that end badly. The timeout only ends what would hang. */
@Timeout(300)
class KillTest {
    @TempDir
    Path folder;

    @Test
    void aRunThatIsKilledAndResumedInAnotherProcessWritesTheSameBytes() throws Exception {
        Path straight = folder.resolve("straight");
        Path killed = folder.resolve("killed");
        Process other = start(List.of(), straight, Integer.MAX_VALUE);
        // The first update needs 8 samples, and the run reads 72 in all: it is killed after the one and before the
        // other,
        // wherever it is then.
        int reads = ThreadLocalRandom.current().nextInt(16, 72);
        Process run = start(List.of(), killed, reads);
        while (!Files.exists(killed.resolve("last.safetensors")) && run.isAlive()) {
            Thread.sleep(2);
        }
        Thread.sleep(ThreadLocalRandom.current().nextInt(400));
        assertThat(run.destroyForcibly().waitFor()).isNotZero();
        assertThat(output(other)).isEmpty();

        assertThat(output(start(List.of(), killed, Integer.MAX_VALUE)))
                .as("killed after at most %d reads", reads)
                .isEmpty();

        ResumeTest.assertSameRun(killed, straight);
    }

    @Test
    void aDiskThatIsFullKeepsTheCheckpointAndNamesIt() throws Exception {
        Path shell = Path.of("/bin/bash");
        Assumptions.assumeTrue(Files.isExecutable(shell), "there is no bash to limit the size of files");
        Path out = folder.resolve("run");
        try {
            DadmTrainer.train(TinyFaces.options(out), TinyFaces.data(ResumeTest.failingAfter(20)), TinyFaces.SILENT);
        } catch (RuntimeException expected) {
            assertThat(expected).hasMessageContaining("the disk went away");
        }
        Path last = out.resolve("last.safetensors");
        byte[] before = Files.readAllBytes(last);

        // In blocks of 1024 bytes: half of the checkpoint fits.
        Process run = start(
                List.of(shell.toString(), "-c", "ulimit -f " + before.length / 2048 + "; exec \"$@\"", "limited"),
                out,
                Integer.MAX_VALUE);
        String said = output(run);

        assertThat(run.exitValue()).isEqualTo(1);
        assertThat(said).startsWith(last + ": could not be written: ").endsWith("; the previous file is unchanged\n");
        assertThat(last).hasBinaryContent(before);
    }

    private static Process start(List<String> prefix, Path out, int reads) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        command.addAll(List.of(java.toString(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"));
        command.addAll(List.of(
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp", classPath()));
        command.addAll(List.of(KilledRun.class.getName(), out.toString(), Integer.toString(reads)));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    /** The tests run as a module, the processes from the class path. */
    private static String classPath() {
        List<String> parts = new ArrayList<>(List.of("target/test-classes", "target/classes"));
        for (String property : List.of("jdk.module.path", "java.class.path")) {
            parts.add(System.getProperty(property, ""));
        }
        parts.removeIf(String::isEmpty);
        return String.join(File.pathSeparator, parts);
    }

    private static String output(Process process) throws IOException, InterruptedException {
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return text;
    }
}
