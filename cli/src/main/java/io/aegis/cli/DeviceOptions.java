package io.aegis.cli;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Precision;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/** Where a command computes, and how finely. */
final class DeviceOptions {
    private static final Pattern CUDA = Pattern.compile("cuda(?::([0-9]{1,3}))?");
    private static AutoCloseable opened;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            description = "cpu (default), cuda, or cuda:N; emulator runs the GPU's kernels on the processor, to look at"
                    + " them, thousands of times slower")
    String device = "cpu";

    @Option(
            names = "--dtype",
            description = "what a GPU rounds the operands of products and attention to: f32 (default), bf16 or f16")
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

    static Kernels choose(String device, Precision precision) {
        if (device.equals("cpu")) {
            if (precision != Precision.F32) {
                throw new IllegalArgumentException(
                        "--dtype " + precision + ": the processor computes in f32, give --device cuda as well");
            }
            return Backends.best();
        }
        Matcher cuda = CUDA.matcher(device);
        Kernels kernels;
        if (device.equals("emulator")) {
            kernels = CudaBackend.emulator(precision);
        } else if (cuda.matches()) {
            kernels = CudaBackend.open(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)), precision);
        } else {
            throw new IllegalArgumentException("--device " + device + ": expected cpu, cuda, cuda:N or emulator");
        }
        opened = kernels instanceof AutoCloseable closeable ? closeable : null;
        Backends.choose(kernels);
        return kernels;
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
