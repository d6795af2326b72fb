package io.aegis.cli;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The program in a process of its own, with the modules of the test's own machine and without its agents. */
final class ChildJvm {
    private ChildJvm() {}

    /**
     * What starts it.
     *
     * @param flag of the virtual machine
     * @param words a command and its options
     */
    static ProcessBuilder of(String flag, String... words) {
        return of(List.of(flag), words);
    }

    /** As above, with several flags. */
    static ProcessBuilder of(List<String> flags, String... words) {
        String path = Stream.of("jdk.module.path", "java.class.path")
                .map(System::getProperty)
                .filter(Objects::nonNull)
                .filter(p -> !p.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
        List<String> command = new ArrayList<>(List.of(
                ProcessHandle.current().info().command().orElseThrow(),
                "-XX:+UseSerialGC",
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                path,
                Main.class.getName()));
        command.addAll(1, flags);
        command.addAll(List.of(words));
        return new ProcessBuilder(command);
    }
}
