package io.aegis.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * What every kernel needs of a multiprocessor, on each architecture, as one compiler made it. The table that comes with the
 * program is compared by a test to what the compiler makes today.
 *
 * @param compiler name and version
 * @param rows one an entry, in the order of files, macros, entries and architectures
 */
public record KernelTable(String compiler, List<Row> rows) {
    private static final String RESOURCE = "kernels.tsv";
    private static final String BY = "# compiled by ";
    private static final String COLUMNS = "file\tmacros\tentry\tarch\tregisters\tshared\tstack\tspills\tcode";

    public KernelTable {
        rows = List.copyOf(rows);
    }

    /**
     * One kernel of one variant on one architecture.
     *
     * @param file the {@code .cu}
     * @param macros the variant's compile-time constants, {@code NAME=VALUE} with spaces between
     * @param entry the kernel's name
     * @param arch such as {@code sm_90a}
     * @param registers of a thread
     * @param shared bytes of static shared memory of a block; {@link DynamicShared} knows what launches ask for
     * @param stack bytes of local memory of a thread
     * @param spills bytes stored to and loaded from local memory for want of registers
     * @param code bytes of the variant's machine code, all entries together
     */
    public record Row(
            String file,
            String macros,
            String entry,
            String arch,
            int registers,
            int shared,
            int stack,
            int spills,
            int code) {
        private String line() {
            return String.join(
                    "\t",
                    file,
                    macros.isEmpty() ? "-" : macros,
                    entry,
                    arch,
                    Integer.toString(registers),
                    Integer.toString(shared),
                    Integer.toString(stack),
                    Integer.toString(spills),
                    Integer.toString(code));
        }

        private static Row of(String line) {
            String[] f = line.split("\t");
            return new Row(
                    f[0],
                    f[1].equals("-") ? "" : f[1],
                    f[2],
                    f[3],
                    Integer.parseInt(f[4]),
                    Integer.parseInt(f[5]),
                    Integer.parseInt(f[6]),
                    Integer.parseInt(f[7]),
                    Integer.parseInt(f[8]));
        }
    }

    /** The one that comes with the program. */
    public static KernelTable shipped() {
        return read(CompileJob.resource(RESOURCE));
    }

    static KernelTable read(String text) {
        String compiler = "nothing";
        List<Row> rows = new ArrayList<>();
        for (String line : text.lines().toList()) {
            if (line.startsWith(BY)) {
                compiler = line.substring(BY.length());
            } else if (!line.isBlank() && !line.startsWith("#") && !line.equals(COLUMNS)) {
                rows.add(Row.of(line));
            }
        }
        return new KernelTable(compiler, rows);
    }

    String write() {
        StringBuilder text = new StringBuilder(BY + compiler + "\n" + COLUMNS + "\n");
        rows.forEach(r -> text.append(r.line()).append('\n'));
        return text.toString();
    }

    /** The rows of one compilation. */
    static List<Row> rows(CompileJob job, Cubin cubin) {
        return cubin.usage().stream()
                .map(u -> new Row(
                        job.variant().file(),
                        macros(job.variant()),
                        u.entry(),
                        job.arch(),
                        u.registers(),
                        u.shared(),
                        u.stack(),
                        u.spills(),
                        cubin.code().length))
                .toList();
    }

    static String macros(Variant variant) {
        List<String> all = new ArrayList<>();
        new TreeMap<>(variant.defines()).forEach((name, value) -> all.add(name + "=" + value));
        return String.join(" ", all);
    }
}
