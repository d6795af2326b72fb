package io.aegis.cli;

import io.aegis.kernels.cuda.CubinBuild;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.DynamicShared;
import io.aegis.kernels.cuda.KernelSource;
import io.aegis.kernels.cuda.KernelTable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The GPU's kernels: what each needs, how one is made, or all of them compiled ahead. */
@Command(
        name = "kernels",
        description =
                "Prints what every kernel of the GPU needs on each architecture, explains one, or compiles all of them"
                        + " ahead.",
        mixinStandardHelpOptions = true)
final class KernelsCommand implements Callable<Integer> {
    @Option(
            names = "--arch",
            split = ",",
            paramLabel = "ARCH",
            description = "only these architectures, such as sm_90a, in the table")
    List<String> architectures = List.of();

    @Option(
            names = "--explain",
            paramLabel = "NAME",
            description =
                    "the design of a kernel as its file states it, its rows of the table, and what was measured of it; a"
                            + " kernel's name or a file's")
    String explain;

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
                            + " put that into lib beside ./aegis; then no compiler is needed")
    Path out = Path.of("cubins");

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter print = spec.commandLine().getOut();
        if (!build.isEmpty()) {
            build(print);
        } else if (explain != null) {
            explain(print);
        } else {
            table(print);
        }
        print.flush();
        return 0;
    }

    private void explain(PrintWriter print) {
        KernelTable table = wanted();
        List<KernelTable.Row> rows = table.rows().stream()
                .filter(r -> r.entry().equals(explain)
                        || r.file().equals(explain)
                        || r.file().equals(explain + ".cu"))
                .toList();
        if (rows.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--explain " + explain + ": there are "
                            + table.rows().stream()
                                    .map(KernelTable.Row::entry)
                                    .distinct()
                                    .sorted()
                                    .collect(Collectors.joining(", ")));
        }
        for (String file : rows.stream().map(KernelTable.Row::file).distinct().toList()) {
            List<KernelTable.Row> own =
                    rows.stream().filter(r -> r.file().equals(file)).toList();
            print.println(KernelSource.design(file));
            print.println();
            print(print, own);
            for (String entry :
                    own.stream().map(KernelTable.Row::entry).distinct().toList()) {
                List<Measured> figures = Measured.all().stream()
                        .filter(m -> m.kernel().equals(entry))
                        .toList();
                print.println();
                print.println(entry + ": " + (figures.isEmpty() ? "not measured" : "measured"));
                String now = KernelSource.digest(file);
                figures.forEach(m -> print.println("  " + m.text(now)));
            }
        }
    }

    /** The table's rows of the architectures that were asked for. */
    private KernelTable wanted() {
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
        return new KernelTable(table.compiler(), rows);
    }

    private void table(PrintWriter print) {
        KernelTable table = wanted();
        print(print, table.rows());
        print.printf(
                "%d kernels; registers of a thread, bytes of static and of dynamic shared memory of a block, bytes spilled"
                        + " by a thread, bytes of the variant's machine code, as made by %s%n",
                table.rows().stream()
                        .map(r -> r.file() + r.macros() + r.entry())
                        .distinct()
                        .count(),
                table.compiler());
    }

    private static void print(PrintWriter print, List<KernelTable.Row> rows) {
        int file = width(rows.stream().map(KernelTable.Row::file), 4);
        int macros = width(rows.stream().map(KernelTable.Row::macros), 7);
        int entry = width(rows.stream().map(KernelTable.Row::entry), 6);
        String form = "%-" + file + "s  %-" + macros + "s  %-" + entry + "s  %-7s  %9s  %8s  %9s  %6s  %9s%n";
        print.printf(form, "file", "variant", "kernel", "arch", "registers", "shared", "dynamic", "spills", "code");
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
                    dynamic(r),
                    r.spills(),
                    String.format(Locale.ROOT, "%,d", r.code()));
        }
    }

    private static String dynamic(KernelTable.Row r) {
        int bytes = DynamicShared.bytes(r);
        return bytes == DynamicShared.BY_LAUNCH ? "by sizes" : Integer.toString(bytes);
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
        print.printf(
                "a jar of them, for the folder lib beside ./aegis:  jar --create --file aegis-cubins.jar -C %s .%n",
                made.folder());
    }
}
