package io.aegis.cli;

import io.aegis.cli.workload.Compute;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Precision;
import io.aegis.training.memory.Workspace;
import java.lang.System.Logger.Level;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/** Where a command computes, and how finely. */
final class DeviceOptions {
    private static final Pattern CUDA = Pattern.compile("cuda(?::([0-9]{1,3}))?");
    private static final String EMULATOR = "emulator";
    private static final System.Logger LOG = System.getLogger(DeviceOptions.class.getName());
    private static AutoCloseable opened;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            description = "cpu (default), cuda, or cuda:N; emulator runs the GPU's kernels on the processor, to look at"
                    + " them, thousands of times slower")
    String device = "cpu";

    @Option(
            names = "--dtype",
            description =
                    "what the operands of products are rounded to: f32 (default), bf16, or, on a GPU, f16; a GPU"
                            + " rounds those of attention as well, and in f16 losses are scaled while it trains. A processor that multiplies bf16 no faster computes in f32")
    Precision precision = Precision.F32;

    /**
     * Makes the wanted kernels those of every scope, until {@link #release}.
     *
     * @throws IllegalArgumentException for a device of another name, or for a precision that it has not
     * @throws io.aegis.kernels.cuda.CudaException when there is no such GPU, or no way to use it
     */
    Kernels choose() {
        return choose(device, precision);
    }

    /**
     * What the kernels that were named hold while they run, without looking whether there is such a device.
     *
     * @throws IllegalArgumentException for a device of another name
     */
    Workspace workspace() {
        if (!device.equals("cpu")
                && !device.equals(EMULATOR)
                && !CUDA.matcher(device).matches()) {
            throw unknown(device);
        }
        return device.equals("cpu") ? Workspace.PROCESSOR : Workspace.gpu(precision.dtype());
    }

    static Kernels choose(String device, Precision precision) {
        if (device.equals("cpu")) {
            return precision == Precision.F32 ? Backends.best() : processor(precision);
        }
        Matcher cuda = CUDA.matcher(device);
        Kernels kernels;
        if (device.equals(EMULATOR)) {
            kernels = CudaBackend.emulator(precision);
        } else if (cuda.matches()) {
            kernels = CudaBackend.open(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)), precision);
        } else {
            throw unknown(device);
        }
        opened = kernels instanceof AutoCloseable closeable ? closeable : null;
        Backends.choose(kernels);
        return kernels;
    }

    private static IllegalArgumentException unknown(String device) {
        return new IllegalArgumentException("--device " + device + ": expected cpu, cuda, cuda:N or emulator");
    }

    /** The processor's kernels with rounded operands; where they would not be faster, those that are exact, and a line why. */
    private static Kernels processor(Precision precision) {
        if (precision == Precision.F16) {
            throw new IllegalArgumentException(
                    "--dtype F16: the processor computes in f32 or bf16, give --device cuda as well for f16");
        }
        Kernels best = Backends.best();
        Kernels rounding = best.rounding(precision.dtype());
        if (rounding == best) {
            LOG.log(Level.WARNING, "--dtype BF16: computing in float32, which is more exact: " + Compute.absence(best));
            return best;
        }
        Backends.choose(rounding);
        return rounding;
    }

    /** Gives the device back; scopes compute on the processor again. */
    static void release() {
        AutoCloseable last = opened;
        opened = null;
        Backends.choose(null);
        if (last != null) {
            try {
                last.close();
            } catch (Exception e) {
                throw new IllegalStateException("the device could not be given back", e);
            }
        }
    }
}
