package io.aegis.cli.workload;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** How this program was started, to start it again with other arguments. */
public final class OwnProcess {
    private OwnProcess() {}

    /**
     * Everything before the arguments of the program itself.
     *
     * @param flags for the virtual machine, besides those that this one has
     */
    public static List<String> command(List<String> flags) {
        return command(flags, System::getProperty);
    }

    /** @param properties of the virtual machine */
    static List<String> command(List<String> flags, UnaryOperator<String> properties) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(properties.apply("java.home"), "bin", "java").toString());
        // Of what the virtual machine was given it tells all but the class path and the module path.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(a ->
                        !a.startsWith("-agentlib") && !a.startsWith("--module-path") && !a.startsWith("--class-path"))
                .forEach(command::add);
        command.addAll(flags);
        String modules = properties.apply("jdk.module.path");
        String main = properties.apply("jdk.module.main");
        String classes = properties.apply("java.class.path");
        if (classes != null && !classes.isEmpty()) { // beside modules, jars that the user put there
            command.addAll(List.of("--class-path", classes));
        }
        if (modules != null && main != null) {
            command.addAll(List.of(
                    "--module-path", modules, "--module", main + "/" + properties.apply("jdk.module.main.class")));
        } else {
            command.add("io.aegis.cli.Main");
        }
        return command;
    }
}
