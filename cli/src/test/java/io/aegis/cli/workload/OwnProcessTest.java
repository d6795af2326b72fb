package io.aegis.cli.workload;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OwnProcessTest {
    private static List<String> command(Map<String, String> properties) {
        return OwnProcess.command(List.of("-Da=b"), properties::get);
    }

    /** With what the user put beside the modules, such as the jar of a compiler. */
    @Test
    void aModuleKeepsItsClassPath() {
        List<String> command = command(Map.of(
                "java.home", "jdk",
                "jdk.module.path", "modules",
                "jdk.module.main", "io.aegis.cli",
                "jdk.module.main.class", "io.aegis.cli.Main",
                "java.class.path", "lib/cuda-redist.jar"));
        assertThat(command.getFirst()).isEqualTo(Path.of("jdk", "bin", "java").toString());
        assertThat(command)
                .endsWith(
                        "-Da=b",
                        "--class-path",
                        "lib/cuda-redist.jar",
                        "--module-path",
                        "modules",
                        "--module",
                        "io.aegis.cli/io.aegis.cli.Main");
    }

    @Test
    void whatWasNotThereIsNotGiven() {
        assertThat(command(Map.of(
                        "java.home", "jdk",
                        "jdk.module.path", "modules",
                        "jdk.module.main", "io.aegis.cli",
                        "jdk.module.main.class", "io.aegis.cli.Main",
                        "java.class.path", "")))
                .endsWith("-Da=b", "--module-path", "modules", "--module", "io.aegis.cli/io.aegis.cli.Main");
        assertThat(command(Map.of("java.home", "jdk", "java.class.path", "classes")))
                .endsWith("-Da=b", "--class-path", "classes", "io.aegis.cli.Main");
    }
}
