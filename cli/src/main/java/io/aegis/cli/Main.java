package io.aegis.cli;

import io.aegis.cli.bench.BenchCommand;
import io.aegis.cli.gpu.GpuCheckCommand;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code aegis}: face anti-spoofing from the command line. */
@Command(
        name = "aegis",
        description = "Face anti-spoofing: trains, scores, evaluates and explains.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        subcommands = {
            DemoCommand.class,
            SynthesizeFacesCommand.class,
            TrainCommand.class,
            EvaluateCommand.class,
            ScoreCommand.class,
            AnalyzeCommand.class,
            VerifyCommand.class,
            QuantizeCommand.class,
            SynthesizeCommand.class,
            TokenizeCommand.class,
            MergeCommand.class,
            DoctorCommand.class,
            BenchCommand.class,
            KernelsCommand.class
        })
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
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"aegis " + (version == null ? "(from classes)" : version)};
        }
    }

    public static void main(String[] args) {
        System.exit(run(new PrintWriter(System.out, true), new PrintWriter(System.err, true), args));
    }

    /** Runs one command; its exit status: 0 done, 1 failed, 2 misused or, of verify, incomplete. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        Main main = new Main();
        CommandLine line = new CommandLine(main)
                .addSubcommand(new GpuCheckCommand(DeviceOptions::choose))
                .setOut(out)
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

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }
}
