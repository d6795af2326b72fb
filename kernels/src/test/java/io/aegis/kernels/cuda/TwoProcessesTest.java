package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.check.KernelCheck;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two processes on one device, started together, which fill one folder with compiled kernels: on a GPU, and, where there is none, in the
 * emulator, whose device each has for itself.
 */
class TwoProcessesTest {
    private static final int PROCESSES = 2;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int MINUTES = 10;

    @TempDir
    Path folder;

    /** A process: waits for the other one, computes, and says how much was right. */
    static final class Run {
        private static final List<String> FEW = List.of("matmul ", "layer norm ", "cross-entropy ");

        private Run() {}

        /**
         * Exit status 1 where anything is wrong.
         *
         * @param args a device, and the folder where processes meet
         */
        public static void main(String[] args) throws Exception {
            Kernels kernels = args[0].equals("emulator")
                    ? CudaBackend.emulator(Precision.BF16)
                    : CudaBackend.open(0, Precision.BF16);
            List<KernelCheck.Outcome> outcomes;
            try (AutoCloseable _ = (AutoCloseable) kernels) {
                meet(Path.of(args[1]));
                outcomes = KernelCheck.run(
                        kernels, true, 1, 3, 1, name -> FEW.stream().anyMatch(name::startsWith));
            }
            outcomes.stream()
                    .filter(o -> o.problem() != null)
                    .forEach(o -> System.out.println(o.name() + ": " + o.problem()));
            long right = outcomes.stream().filter(o -> o.problem() == null).count();
            System.out.println(right + " of " + outcomes.size() + " right");
            System.exit(right == outcomes.size() && right >= FEW.size() ? 0 : 1);
        }

        /** Its device is open when this returns, and so is the other's. */
        private static void meet(Path folder) throws IOException, InterruptedException {
            Files.createFile(folder.resolve("" + ProcessHandle.current().pid()));
            Instant late = Instant.now().plus(PATIENCE);
            while (count(folder) < PROCESSES) {
                if (Instant.now().isAfter(late)) {
                    throw new IllegalStateException("the other process has not come");
                }
                Thread.sleep(10);
            }
        }

        private static long count(Path folder) throws IOException {
            try (Stream<Path> there = Files.list(folder)) {
                return there.count();
            }
        }
    }

    private Process start(String device, Path meeting, Path log) throws IOException {
        Path cache = folder.resolve("cache");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"));
        command.addAll(List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of("-Daegis.cache=" + cache, "-Daegis.emulator.cache=" + cache));
        String nvrtc = System.getProperty("aegis.nvrtc");
        if (nvrtc != null) {
            command.add("-Daegis.nvrtc=" + nvrtc);
        }
        command.addAll(List.of("-cp", String.join(File.pathSeparator, "target/test-classes", "target/classes")));
        command.addAll(List.of(Run.class.getName(), device, meeting.toString()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    private void bothAreRight(String device) throws Exception {
        Path meeting = Files.createDirectory(folder.resolve("meeting"));
        List<Path> logs = new ArrayList<>();
        List<Process> runs = new ArrayList<>();
        try {
            for (int i = 0; i < PROCESSES; i++) {
                logs.add(folder.resolve(i + ".log"));
                runs.add(start(device, meeting, logs.get(i)));
            }
            for (int i = 0; i < PROCESSES; i++) {
                boolean ended = runs.get(i).waitFor(MINUTES, TimeUnit.MINUTES);
                String said = Files.readString(logs.get(i));
                assertThat(ended).as("process %d has ended: %s", i, said).isTrue();
                assertThat(runs.get(i).exitValue())
                        .as("process %d: %s", i, said)
                        .isZero();
                assertThat(said).containsPattern("(?m)^(\\d+) of \\1 right$");
            }
        } finally {
            runs.forEach(Process::destroyForcibly);
        }
        try (Stream<Path> files = Files.walk(folder.resolve("cache"))) {
            assertThat(files.filter(Files::isRegularFile))
                    .as("what they compiled")
                    .isNotEmpty()
                    .allMatch(f -> f.toString().endsWith(device.equals("emulator") ? ".so" : ".cubin"));
        }
    }

    @Test
    void onOneGpu() throws Exception {
        String problem = CudaBackend.unavailable();
        Assumptions.assumeTrue(problem == null, "two processes share no GPU here: " + problem);
        bothAreRight("cuda:0");
    }

    @Test
    void inTheEmulator() throws Exception {
        CudaTwin.engine(); // or skipped
        bothAreRight("emulator");
    }
}
