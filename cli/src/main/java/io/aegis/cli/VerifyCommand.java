package io.aegis.cli;

import io.aegis.cli.verify.Verification;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.cuda.Precision;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
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
    /** What is computed in. */
    enum Type {
        F32,
        F64,
        BF16,
        F16
    }

    /** Which of the processor's kernels compute. */
    enum Which {
        BEST,
        SCALAR
    }

    @Parameters(paramLabel = "DIR", description = "what DIR is follows from its config.json or its files")
    Path directory;

    @Option(names = "--kernels", description = "best (default) or scalar, the plain ones")
    Which kernels = Which.BEST;

    @Option(
            names = "--dtype",
            description =
                    "f32 (default); f64, which only the plain kernels compute; bf16, or on GPUs f16, which products are"
                            + " rounded to: their error may be twice the largest of eight runs that round every tensor,"
                            + " and of most tensors no more than such runs' typical one")
    Type dtype = Type.F32;

    @Option(
            names = "--weights",
            paramLabel = "int8|int4",
            description =
                    "first rounds a model's matrices as 'quantize --format' does, and compares with what the dequantised"
                            + " ones give in doubles: with the same tolerances, as loss of quality is none of the kernels'")
    Format weights;

    @Option(names = "--device", paramLabel = "DEVICE", description = "cpu (default), cuda, cuda:N or emulator")
    String device = "cpu";

    @Option(names = "--failures", description = "print only what is not right")
    boolean failures;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        boolean processor = device.equals("cpu");
        if (!processor && (dtype == Type.F64 || kernels == Which.SCALAR)) {
            throw new IllegalArgumentException("f64 and the plain kernels are the processor's: leave out --device");
        }
        if (kernels == Which.SCALAR && precision() != Precision.F32) {
            throw new IllegalArgumentException("--dtype " + dtype + ": the plain kernels compute in f32 or f64");
        }
        if (weights != null && dtype == Type.F64) {
            throw new IllegalArgumentException("--weights " + weights.name().toLowerCase(Locale.ROOT)
                    + ": weights of few bits are multiplied in float32 or 16 bits, not in f64");
        }
        boolean plain = kernels == Which.SCALAR || dtype == Type.F64;
        Kernels chosen = plain ? Backends.scalar() : DeviceOptions.choose(device, precision());
        if (processor && !plain && chosen != Backends.best()) {
            // Reference values are of small models, most of whose products would not be rounded in use; the reference's
            // were.
            chosen = Backends.best().roundingEverything(precision().dtype());
            Backends.choose(chosen);
        }
        return Verification.run(
                directory,
                precision() == Precision.F32
                        ? new Verification.Computing(chosen, dtype == Type.F64 ? DType.F64 : DType.F32)
                        : Verification.Computing.rounded(chosen, precision().dtype()),
                Optional.ofNullable(weights),
                spec.commandLine().getOut(),
                !failures);
    }

    private Precision precision() {
        return switch (dtype) {
            case BF16 -> Precision.BF16;
            case F16 -> Precision.F16;
            case F32, F64 -> Precision.F32;
        };
    }
}
