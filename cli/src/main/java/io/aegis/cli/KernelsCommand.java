package io.aegis.cli;

import io.aegis.kernels.cuda.CubinBuild;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.KernelTable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The GPU's kernels: what each needs, or all of them compiled ahead. */
@Command(
        name = "kernels",
        description = "Prints what every kernel of the GPU needs on each architecture, or compiles all of them ahead.",
        mixinStandardHelpOptions = true)
final class KernelsCommand implements Callable<Integer> {
    @Option(
            names = "--arch",
            split = ",",
            paramLabel = "ARCH",
            description = "only these architectures, such as sm_90a, in the table")
    List<String> architectures = List.of();

    @Option(
            names = "--build",
            split = ",",
            paramLabel = "ARCH",
            description =
                    "compile every variant for these architectures, or for \"all\" that the table has; needs NVRTC"
                            + " or nvcc, but no GPU")
    List<String> build = List.of();

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description =
                    "where --build writes (cubins): give it to java by -Daegis.cubins=DIR, or make a jar of it and"
                            + " put that beside the others; then no compiler is needed")
    Path out = Path.of("cubins");

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter print = spec.commandLine().getOut();
        if (build.isEmpty()) {
            table(print);
        } else {
            build(print);
        }
        print.flush();
        return 0;
    }

    private void table(PrintWriter print) {
        KernelTable table = KernelTable.shipped();
        List<String> known =
                table.rows().stream().map(KernelTable.Row::arch).distinct().toList();
        for (String arch : architectures) {
            if (!known.contains(arch)) {
                throw new ParameterException(
                        spec.commandLine(), "--arch " + arch + ": the table has " + String.join(", ", known));
            }
        }
        List<KernelTable.Row> rows = table.rows().stream()
                .filter(r -> architectures.isEmpty() || architectures.contains(r.arch()))
                .toList();
        int file = width(rows.stream().map(KernelTable.Row::file), 4);
        int macros = width(rows.stream().map(KernelTable.Row::macros), 7);
        int entry = width(rows.stream().map(KernelTable.Row::entry), 6);
        String form = "%-" + file + "s  %-" + macros + "s  %-" + entry + "s  %-7s  %9s  %8s  %6s  %9s%n";
        print.printf(form, "file", "variant", "kernel", "arch", "registers", "shared", "spills", "code");
        for (KernelTable.Row r : rows) {
            print.printf(
                    Locale.ROOT,
                    form,
                    r.file(),
                    r.macros(),
                    r.entry(),
                    r.arch(),
                    r.registers(),
                    r.shared(),
                    r.spills(),
                    String.format(Locale.ROOT, "%,d", r.code()));
        }
        print.printf(
                "%d kernels; registers of a thread, bytes of static shared memory of a block, bytes spilled by a thread,"
                        + " bytes of the variant's machine code, as made by %s%n",
                rows.stream()
                        .map(r -> r.file() + r.macros() + r.entry())
                        .distinct()
                        .count(),
                table.compiler());
    }

    private static int width(Stream<String> texts, int least) {
        return Math.max(least, texts.mapToInt(String::length).max().orElse(0));
    }

    private void build(PrintWriter print) throws IOException {
        List<String> wanted = build.equals(List.of("all")) ? CudaBackend.architectures() : build;
        CubinBuild.Summary made = CubinBuild.build(wanted, out, line -> {
            print.println("  " + line);
            print.flush();
        });
        print.printf(
                Locale.ROOT,
                "%d files, %.1f MB, made by %s, in %s%n",
                made.files(),
                made.bytes() / 1e6,
                made.compiler(),
                made.folder());
        print.printf("a jar of them:  jar --create --file aegis-cubins.jar -C %s .%n", made.folder());
    }
}
