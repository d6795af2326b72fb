package io.aegis.cli;

import io.aegis.cli.verify.Verification;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Reference values beside ours: a row a tensor. */
@Command(
        name = "verify",
        description =
                "Compares what this program computes with a directory of reference values and those below it. Exit"
                        + " status 0: all is right, 1: something differs, 2: something could not be compared.",
        mixinStandardHelpOptions = true)
final class VerifyCommand implements Callable<Integer> {
    /** Which kernels compute. */
    enum Which {
        BEST,
        SCALAR
    }

    @Parameters(paramLabel = "DIR", description = "what DIR is follows from its config.json or its files")
    Path directory;

    @Option(names = "--kernels", description = "best (default) or scalar, the plain ones")
    Which kernels = Which.BEST;

    @Option(names = "--dtype", description = "f32 (default) or f64, which only the plain kernels compute")
    DType dtype = DType.F32;

    @Option(names = "--failures", description = "print only what is not right")
    boolean failures;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        if (dtype != DType.F32 && dtype != DType.F64) {
            throw new IllegalArgumentException("--dtype " + dtype + ": expected f32 or f64");
        }
        Kernels chosen = kernels == Which.SCALAR || dtype == DType.F64 ? Backends.scalar() : Backends.best();
        return Verification.run(
                directory,
                new Verification.Computing(chosen, dtype),
                spec.commandLine().getOut(),
                !failures);
    }
}
