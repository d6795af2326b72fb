package io.aegis.cli;

import io.aegis.cli.bench.BenchCommand;
import io.aegis.cli.gpu.GpuCheckCommand;
import io.aegis.cli.gpu.bench.GpuBenchCommand;
import java.io.PrintWriter;
import java.lang.module.ModuleDescriptor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code aegis}: face anti-spoofing from the command line. */
@Command(
        name = "aegis",
        description = "Face anti-spoofing: trains, scores, evaluates and explains.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class)
public final class Main implements Runnable {
    @Option(
            names = "--trace",
            scope = CommandLine.ScopeType.INHERIT,
            description = "print the stack trace of an error as well")
    boolean trace;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Optional.ofNullable(Main.class.getModule().getDescriptor())
                    .flatMap(ModuleDescriptor::rawVersion)
                    .orElse("(from classes)");
            return new String[] {"aegis " + version};
        }
    }

    public static void main(String[] args) {
        int status = 1;
        try {
            OutOfMemory.prepare();
            // Warnings are one line, as errors are, unless somebody wants them otherwise.
            System.getProperties().putIfAbsent("java.util.logging.SimpleFormatter.format", "aegis: %5$s%6$s%n");
            status = run(new PrintWriter(System.out, true), new PrintWriter(System.err, true), args);
        } catch (Error e) {
            if (!OutOfMemory.isBehind(e)) {
                throw e;
            }
            OutOfMemory.lastLine(System.err);
        }
        System.exit(status);
    }

    /** Runs one command; its exit status: 0 done, 1 failed, 2 misused or, of verify, incomplete. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        try {
            return execute(out, err, args);
        } catch (Error e) {
            if (!OutOfMemory.isBehind(e)) {
                throw e;
            }
            OutOfMemory.say(e, err, System.err);
            return 1;
        }
    }

    private static int execute(PrintWriter out, PrintWriter err, String... args) {
        Main main = new Main();
        CommandLine line = new CommandLine(main);
        addCommands(line, args);
        // These reach the commands that are there already.
        line.setOut(out)
                .setErr(err)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler((e, command, parsed) -> {
                    err.println("aegis: " + Failure.sentence(e));
                    if (main.trace) {
                        e.printStackTrace(err);
                    }
                    err.flush();
                    return 1;
                });
        try {
            return line.execute(args);
        } finally {
            DeviceOptions.release();
        }
    }

    /** In the order of the help. */
    private static Map<String, Supplier<Object>> commands() {
        Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
        commands.put("demo", DemoCommand::new);
        commands.put("synthesize-faces", SynthesizeFacesCommand::new);
        commands.put("train", TrainCommand::new);
        commands.put("evaluate", EvaluateCommand::new);
        commands.put("score", ScoreCommand::new);
        commands.put("analyze", AnalyzeCommand::new);
        commands.put("verify", VerifyCommand::new);
        commands.put("quantize", QuantizeCommand::new);
        commands.put("synthesize", SynthesizeCommand::new);
        commands.put("tokenize", TokenizeCommand::new);
        commands.put("merge", MergeCommand::new);
        commands.put("doctor", DoctorCommand::new);
        commands.put("bench", BenchCommand::new);
        commands.put("kernels", KernelsCommand::new);
        commands.put("gpu-check", () -> new GpuCheckCommand(DeviceOptions::choose, DeviceOptions::release));
        commands.put("gpu-bench", () -> new GpuBenchCommand(DeviceOptions::choose, DeviceOptions::release));
        return commands;
    }

    /** The asked command alone where there is one: to look through all of them takes a good part of a short start. */
    private static void addCommands(CommandLine line, String... args) {
        Map<String, Supplier<Object>> commands = commands();
        for (String arg : args) {
            Supplier<Object> asked = commands.get(arg);
            if (asked != null) {
                line.addSubcommand(asked.get());
                return;
            }
            if (arg.equals("--version")) {
                return;
            }
            if (!arg.equals("--trace")) {
                break;
            }
        }
        commands.values().forEach(command -> line.addSubcommand(command.get()));
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }
}
