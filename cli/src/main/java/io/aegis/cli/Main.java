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
    /** In the order of the help. */
    private static final Map<String, Supplier<Object>> COMMANDS = new LinkedHashMap<>();

    static {
        COMMANDS.put("demo", DemoCommand::new);
        COMMANDS.put("synthesize-faces", SynthesizeFacesCommand::new);
        COMMANDS.put("train", TrainCommand::new);
        COMMANDS.put("evaluate", EvaluateCommand::new);
        COMMANDS.put("score", ScoreCommand::new);
        COMMANDS.put("analyze", AnalyzeCommand::new);
        COMMANDS.put("verify", VerifyCommand::new);
        COMMANDS.put("quantize", QuantizeCommand::new);
        COMMANDS.put("synthesize", SynthesizeCommand::new);
        COMMANDS.put("tokenize", TokenizeCommand::new);
        COMMANDS.put("merge", MergeCommand::new);
        COMMANDS.put("doctor", DoctorCommand::new);
        COMMANDS.put("bench", BenchCommand::new);
        COMMANDS.put("kernels", KernelsCommand::new);
        COMMANDS.put("gpu-check", () -> new GpuCheckCommand(DeviceOptions::choose));
        COMMANDS.put("gpu-bench", () -> new GpuBenchCommand(DeviceOptions::choose, DeviceOptions::release));
    }

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
        // Warnings are one line, as errors are, unless somebody wants them otherwise.
        System.getProperties().putIfAbsent("java.util.logging.SimpleFormatter.format", "aegis: %5$s%6$s%n");
        System.exit(run(new PrintWriter(System.out, true), new PrintWriter(System.err, true), args));
    }

    /** Runs one command; its exit status: 0 done, 1 failed, 2 misused or, of verify, incomplete. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
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
        } catch (OutOfMemoryError e) {
            err.println("aegis: " + Failure.sentence(e));
            err.flush();
            return 1;
        } finally {
            DeviceOptions.release();
        }
    }

    /** The asked command alone where there is one: to look through all of them takes a good part of a short start. */
    private static void addCommands(CommandLine line, String... args) {
        for (String arg : args) {
            Supplier<Object> asked = COMMANDS.get(arg);
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
        COMMANDS.values().forEach(command -> line.addSubcommand(command.get()));
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }
}
