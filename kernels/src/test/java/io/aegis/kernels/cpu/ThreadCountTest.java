package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The same bits come out of every kernel with any number of threads. */
class ThreadCountTest {
    @Test
    void bitsDoNotDependOnTheNumberOfThreads() throws Exception {
        List<Process> runs = new ArrayList<>();
        for (int threads : new int[] {1, 3}) {
            runs.add(start(threads));
        }
        List<String> outputs = new ArrayList<>();
        for (Process run : runs) {
            outputs.add(new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            assertThat(run.waitFor()).isZero();
        }
        assertThat(outputs.get(0).lines().count()).isGreaterThan(30);
        assertThat(outputs).containsOnly(outputs.getFirst());
    }

    private static Process start(int threads) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Daegis.threads=" + threads));
        command.addAll(List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of("-cp", classPath(), ThreadCountRun.class.getName()));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
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
}
