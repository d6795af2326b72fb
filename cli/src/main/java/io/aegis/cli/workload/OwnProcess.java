package io.aegis.cli.workload;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How this program was started, to start it again with other arguments. */
public final class OwnProcess {
    private OwnProcess() {}

    /**
     * Everything before the arguments of the program itself.
     *
     * @param flags for the virtual machine, besides those that this one has
     */
    public static List<String> command(List<String> flags) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Of what the virtual machine was given it tells all but the class path and the module path.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(a -> !a.startsWith("-agentlib") && !a.startsWith("--module-path"))
                .forEach(command::add);
        command.addAll(flags);
        String modules = System.getProperty("jdk.module.path");
        String main = System.getProperty("jdk.module.main");
        if (modules != null && main != null) {
            command.addAll(List.of(
                    "--module-path", modules, "--module", main + "/" + System.getProperty("jdk.module.main.class")));
        } else {
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.aegis.cli.Main"));
        }
        return command;
    }
}
