package io.aegis.cli;

import io.aegis.cli.workload.Share;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaDiagnosis;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What this machine offers, and what serves each family of kernels. */
@Command(
        name = "doctor",
        description = "Says what this machine offers, which implementation each kernel family uses, and why.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        Runtime runtime = Runtime.getRuntime();
        out.printf("java       %s, %s%n", Runtime.version(), System.getProperty("java.vm.name"));
        out.printf("platform   %s %s, %s%n", System.getProperty("os.name"), System.getProperty("os.arch"), processor());
        out.printf(
                "resources  %d processors for this process, %,d MB of Java heap at most, %s%n",
                runtime.availableProcessors(), runtime.maxMemory() >> 20, memory());
        Share.here().limits().forEach(l -> out.printf("limited    %s%n", l));
        out.printf("compiler   %s%n", compiler());
        Kernels best = Backends.best();
        out.printf(
                "kernels    %s%s%n",
                best.name(), Backends.fallbackReason() == null ? "" : ", because " + Backends.fallbackReason());
        CudaDiagnosis.ofMachine().forEach(l -> out.printf("%-10s %s%n", l.subject(), l.text()));
        out.println();
        for (Kernels.Choice c : best.choices()) {
            out.printf("%-20s %-58s %s%n", c.family(), c.implementation(), c.reason());
        }
        out.flush();
        return 0;
    }

    /** The vector kernels are slower than the plain ones in an interpreter. */
    private static String compiler() {
        String info = System.getProperty("java.vm.info", "");
        return info.contains("interpreted")
                ? "off (" + info + "): the vector kernels need it, start java without -Xint"
                : info;
    }

    private static String processor() throws IOException {
        return field(Path.of("/proc/cpuinfo"), "model name").replaceAll("\\s+", " ");
    }

    private static String memory() throws IOException {
        String total = field(Path.of("/proc/meminfo"), "MemTotal");
        String free = field(Path.of("/proc/meminfo"), "MemAvailable");
        return total.equals("unknown") ? "memory unknown" : "memory " + total + ", available " + free;
    }

    private static String field(Path file, String name) throws IOException {
        if (!Files.isReadable(file)) {
            return "unknown";
        }
        return Files.readAllLines(file).stream()
                .filter(l -> l.startsWith(name))
                .map(l -> l.substring(l.indexOf(':') + 1).strip())
                .findFirst()
                .orElse("unknown");
    }
}
