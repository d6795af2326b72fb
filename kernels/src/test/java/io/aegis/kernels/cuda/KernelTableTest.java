package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * Every kernel compiles, spills nothing, and needs what the checked-in table says.
 *
 * <p>That the table is of the sources as they stand is seen without a compiler, by their digests (kernels.keys). Compiling all
 * of it takes a quarter of an hour of a processor, so by default only this is compiled, for two architectures: what
 * has changed since the table was written (kernels.keys has a digest of every source with its options), and the first
 * variant of every file, changed or not. {@code -Daegis.kernels.matrix=full} compiles everything for all six, {@code
 * =sm_89,sm_120a} everything for those, and {@code =write} everything, and writes the table.
 */
class KernelTableTest {
    private static final String MATRIX = "aegis.kernels.matrix";
    private static final List<String> USUAL = List.of("sm_80", "sm_90a");
    private static final Path SOURCES = Path.of("src/main/resources/io/aegis/kernels/cuda");
    private static final Path KEYS = Path.of("src/test/resources/io/aegis/kernels/cuda/kernels.keys");
    private static final Path DYNAMIC = KEYS.resolveSibling("dynamic.tsv");
    private static final Pattern ENTRY = Pattern.compile("^KERNEL\\([^,]+,[^,]+,\\s*(\\w+)\\s*,", Pattern.MULTILINE);
    private static final String REWRITE =
            "mvn -pl kernels test -Dtest=KernelTableTest -D" + MATRIX + "=write rewrites the table";

    private static List<String> architectures(String matrix) {
        return switch (matrix) {
            case "" -> USUAL;
            case "full", "write" -> KernelCatalogue.ARCHITECTURES;
            default -> Arrays.asList(matrix.split(","));
        };
    }

    /** What is compiled. */
    private static List<CompileJob> jobs(String matrix) throws IOException {
        List<CompileJob> all = CubinBuild.jobs(KernelCatalogue.variants(), architectures(matrix));
        if (!matrix.isEmpty()) {
            return all;
        }
        Set<String> unchanged = Set.copyOf(Files.readAllLines(KEYS));
        Set<String> files = new HashSet<>();
        return all.stream()
                .filter(job -> files.add(job.variant().file() + job.arch()) || !unchanged.contains(keyed(job)))
                .toList();
    }

    private static String keyed(CompileJob job) {
        return job.key() + " " + job;
    }

    private static void write(Compiler compiler, List<KernelTable.Row> rows) throws IOException {
        Files.writeString(SOURCES.resolve("kernels.tsv"), new KernelTable(compiler.name(), rows).write());
        Files.write(KEYS, keys());
    }

    private static List<String> keys() {
        return CubinBuild.jobs(KernelCatalogue.variants(), KernelCatalogue.ARCHITECTURES).stream()
                .map(KernelTableTest::keyed)
                .sorted()
                .toList();
    }

    private static boolean isWritten() {
        return System.getProperty(MATRIX, "").equals("write");
    }

    /** No compiler is needed to see that a table was written before its sources changed. */
    @Test
    void theTableIsOfTheSourcesAsTheyStand() throws IOException {
        Assumptions.assumeFalse(isWritten(), "the table is being written");
        assertThat(Files.readAllLines(KEYS))
                .as("kernels.keys, written with kernels.tsv; %s", REWRITE)
                .isEqualTo(keys());
    }

    /** What the compiled rows are of: each job of the keys has its rows, and no row is of none. */
    @Test
    void theTableHasARowOfEveryJob() {
        Assumptions.assumeFalse(isWritten(), "the table is being written");
        Set<String> rows = KernelTable.shipped().rows().stream()
                .map(r -> r.file() + " [" + r.macros() + "] for " + r.arch())
                .collect(Collectors.toSet());
        Set<String> jobs = CubinBuild.jobs(KernelCatalogue.variants(), KernelCatalogue.ARCHITECTURES).stream()
                .map(j -> j.variant().file() + " [" + KernelTable.macros(j.variant()) + "] for " + j.arch())
                .collect(Collectors.toSet());
        assertThat(rows).as(REWRITE).isEqualTo(jobs);
    }

    /** The emulator refuses launches that ask for anything else. */
    @Test
    void dynamicSharedMemoryIsAsTheTableSays() throws IOException {
        if (isWritten()) {
            Files.write(DYNAMIC, DynamicShared.lines());
        }
        assertThat(DynamicShared.lines())
                .as("dynamic.tsv: bytes that launches ask for; if a change is meant, %s", REWRITE)
                .isEqualTo(Files.readAllLines(DYNAMIC));
    }

    /** What the families tell is of kernels in the table, and found there. */
    @Test
    void dynamicSharedMemoryIsOfKernelsThatThereAre() {
        Set<String> asked = new HashSet<>();
        for (KernelTable.Row r : KernelTable.shipped().rows()) {
            if (DynamicShared.bytes(r) != 0) {
                asked.add(String.join("\t", r.file(), r.macros(), r.entry()));
            }
        }
        assertThat(DynamicShared.lines().stream().map(l -> l.substring(0, l.lastIndexOf('\t'))))
                .containsExactlyInAnyOrderElementsOf(asked);
    }

    @Test
    void everyKernelIsAsTheTableSays() throws IOException {
        Compilers.Probe probe = Compilers.probe();
        Assumptions.assumeTrue(probe.compiler() != null, "kernels are not compiled: " + probe.problem());
        String matrix = System.getProperty(MATRIX, "");
        List<KernelTable.Row> rows = new ArrayList<>();
        SoftAssertions soft = new SoftAssertions();
        CubinBuild.compile(probe.compiler(), CubinCache.ofUser(), jobs(matrix), (job, cubin) -> {
            rows.addAll(KernelTable.rows(job, cubin));
            soft.assertThat(Usage.warnings(cubin.log()))
                    .as("%s: what %s warns of", job, probe.compiler().name())
                    .isEmpty();
        });
        rows.sort(Comparator.comparing(KernelTable.Row::file)
                .thenComparing(KernelTable.Row::macros)
                .thenComparing(KernelTable.Row::entry)
                .thenComparing(r -> KernelCatalogue.ARCHITECTURES.indexOf(r.arch())));
        for (KernelTable.Row r : rows) {
            soft.assertThat(r.spills()).as("%s: bytes spilled", name(r)).isZero();
        }
        if (matrix.equals("write")) {
            write(probe.compiler(), rows);
            soft.assertAll();
            return;
        }
        KernelTable table = KernelTable.shipped();
        Map<String, KernelTable.Row> known =
                table.rows().stream().collect(Collectors.toMap(KernelTableTest::name, r -> r));
        boolean sameCompiler = table.compiler().equals(probe.compiler().name());
        for (KernelTable.Row r : rows) {
            KernelTable.Row old = known.get(name(r));
            soft.assertThat(old)
                    .as("%s is not in the table: %s", name(r), REWRITE)
                    .isNotNull();
            if (old != null && sameCompiler) {
                soft.assertThat(figures(r))
                        .as("%s; if that is meant, %s", name(r), REWRITE)
                        .isEqualTo(figures(old));
            }
        }
        soft.assertAll();
    }

    private static String name(KernelTable.Row r) {
        return r.entry() + " of " + r.file() + " [" + r.macros() + "] for " + r.arch();
    }

    private static Map<String, Integer> figures(KernelTable.Row r) {
        return new TreeMap<>(Map.of("registers", r.registers(), "shared memory", r.shared(), "stack", r.stack()));
    }

    @Test
    void theTableHasNoRowTooMany() {
        List<String> variants = KernelCatalogue.variants().stream()
                .map(v -> v.file() + " [" + KernelTable.macros(v) + "]")
                .toList();
        assertThat(KernelTable.shipped().rows())
                .allSatisfy(r -> assertThat(variants).as(REWRITE).contains(r.file() + " [" + r.macros() + "]"));
    }

    @Test
    void nothingInTheTableSpills() {
        assertThat(KernelTable.shipped().rows())
                .isNotEmpty()
                .allSatisfy(r -> assertThat(r.spills()).as(name(r)).isZero());
    }

    @Test
    void everyFileAndEveryEntryIsInTheCatalogue() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES)) {
            for (Path f : files.filter(f -> f.toString().endsWith(".cu")).toList()) {
                String file = f.getFileName().toString();
                assertThat(KernelCatalogue.variants())
                        .as("%s has no variant in KernelCatalogue", file)
                        .anyMatch(v -> v.file().equals(file));
                String source = Files.readString(f);
                List<String> entries = ENTRY.matcher(source)
                        .results()
                        .map(m -> m.group(1))
                        .distinct()
                        .toList();
                List<String> inTable = KernelTable.shipped().rows().stream()
                        .filter(r -> r.file().equals(file))
                        .map(KernelTable.Row::entry)
                        .distinct()
                        .toList();
                assertThat(inTable)
                        .as("the table's entries of %s; %s", file, REWRITE)
                        .isNotEmpty();
                assertThat(inTable)
                        .as("the table's entries of %s; %s", file, REWRITE)
                        .containsAll(entries);
                // A macro may put the name of an entry together.
                assertThat(source.contains("##") || entries.containsAll(inTable))
                        .as("%s has none but these entries: %s", file, entries)
                        .isTrue();
            }
        }
    }

    @Test
    void everyFamilyWithVariantsIsInTheCatalogue() throws Exception {
        Path classes = Path.of("target/classes/io/aegis/kernels/cuda");
        try (Stream<Path> files = Files.list(classes)) {
            for (Path f : files.filter(f -> f.getFileName().toString().matches("Cuda\\w+\\.class"))
                    .toList()) {
                String name = f.getFileName().toString().replace(".class", "");
                Class<?> family = Class.forName("io.aegis.kernels.cuda." + name);
                for (var method : family.getDeclaredMethods()) {
                    if (method.getName().equals("variants") && method.getParameterCount() == 0) {
                        assertThat(KernelCatalogue.variants())
                                .as("KernelCatalogue lacks %s.variants()", name)
                                .containsAll(KernelTableTest.<List<Variant>>cast(method.invoke(null)));
                    }
                }
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static <T> T cast(Object o) {
        return (T) o;
    }

    @Test
    void theTableIsReadAsItIsWritten() {
        KernelTable table = new KernelTable(
                "NVRTC 13.0",
                List.of(
                        new KernelTable.Row("a.cu", "", "f", "sm_80", 1, 2, 3, 4, 5),
                        new KernelTable.Row("a.cu", "D=64 T=f16", "g", "sm_90a", 255, 0, 0, 0, 12345)));
        assertThat(KernelTable.read(table.write())).isEqualTo(table);
    }

    @Test
    void whatPtxasSaysIsUnderstood() {
        String log = """
                ptxas info    : 0 bytes gmem
                ptxas info    : Compiling entry function 'two' for 'sm_90a'
                ptxas info    : Function properties for two
                    48 bytes stack frame, 20 bytes spill stores, 24 bytes spill loads
                ptxas info    : (C7512) Potential Performance Loss: wgmma.mma_async instructions are serialized due to x
                ptxas info    : Used 168 registers, used 1 barriers, 1024 bytes smem, 400 bytes cmem[0]
                ptxas info    : Compiling entry function 'one' for 'sm_90a'
                ptxas info    : Function properties for one
                    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
                ptxas info    : Used 10 registers, used 0 barriers
                a.cu(3): warning #177-D: variable "x" was declared but never referenced
                """;
        assertThat(Usage.parse(log))
                .containsExactly(new Usage("one", 10, 0, 0, 0), new Usage("two", 168, 1024, 48, 44));
        assertThat(Usage.warnings(log)).hasSize(2).first().asString().contains("serialized");
    }
}
