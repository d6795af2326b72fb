package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.cuda.KernelSource;
import io.aegis.kernels.cuda.KernelTable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * What the program tells of kernels stands in reports. With {@code -Daegis.measured=bench/results/NAME.md@COMMIT} a report of {@code
 * gpu-bench} is entered: its lines are added to {@code measured.tsv}, with digests of that commit's kernels, which git has.
 */
class MeasuredTest {
    private static final Path FILE = Path.of("src/main/resources/io/aegis/cli/measured.tsv");
    private static final String KERNELS = "kernels/src/main/resources/io/aegis/kernels/cuda/";

    /** Beside the kernel that a line is about: what prepares for it, and what is none of ours. */
    private static final Set<String> HELPERS = Set.of(
            "dense",
            "sum_parts",
            "attention_delta",
            "attention_not_finite",
            "attention_cast",
            "attention_combine",
            "cublasLt",
            "cudnn");

    private static Map<String, String> files() {
        return KernelTable.shipped().rows().stream()
                .collect(Collectors.toMap(KernelTable.Row::entry, KernelTable.Row::file, (a, b) -> a));
    }

    @Test
    void figuresAreThoseOfReports() throws IOException {
        Map<String, Map.Entry<String, List<Reports.Line>>> reports = new HashMap<>();
        assertThat(Measured.all()).isNotEmpty().doesNotHaveDuplicates();
        for (Measured m : Measured.all()) {
            assertThat(files()).containsKey(m.kernel());
            if (!reports.containsKey(m.report())) {
                reports.put(m.report(), Reports.read(m.report()));
            }
            assertThat(reports.get(m.report()).getKey()).isEqualTo(m.card());
            List<Reports.Line> lines = reports.get(m.report()).getValue().stream()
                    .filter(l -> l.section().equals(m.section()) && l.what().equals(m.what()))
                    .filter(l -> l.kernels().isEmpty() || l.kernels().contains(m.kernel()))
                    .toList();
            assertThat(lines).as(m.line()).singleElement().satisfies(l -> {
                assertThat(l.figure() + " " + l.unit()).isEqualTo(m.figure() + " " + m.unit());
                if (!l.kernels().isEmpty()) {
                    assertThat(m.ceiling()).isEqualTo(l.ceiling());
                    assertThat(String.format("%.0f %%", 100 * m.share())).isEqualTo(l.share());
                }
            });
        }
    }

    /** A share is that of the ceiling beside it, as far as its digits go. */
    @Test
    void sharesAreThoseOfTheirCeilings() {
        for (Measured m : Measured.all()) {
            assertThat(m.commit()).matches("[0-9a-f]{7,40}");
            assertThat(m.digest()).matches("[0-9a-f]{12}");
            assertThat(Double.isNaN(m.share())).isEqualTo(m.ceiling().isEmpty());
            if (!m.ceiling().isEmpty()) {
                String[] words = m.ceiling().split(" ");
                assertThat(words[words.length - 1]).isEqualTo(m.unit());
                double ceiling = Double.parseDouble(words[words.length - 2]);
                assertThat(m.share()).as(m.line()).isCloseTo(Double.parseDouble(m.figure()) / ceiling, within(0.0065));
            }
            assertThat(Measured.of(m.line())).isEqualTo(m);
        }
        assertThatThrownBy(() -> Measured.of("matmul\t1"))
                .hasMessage("measured.tsv: 'matmul\t1' has 2 fields, expected 11 with tabs between");
    }

    /** Comments may change, code may not, wherever it is included. */
    @Test
    void whatADigestIsOf() {
        Map<String, String> files = new HashMap<>(Map.of(
                "a.cu",
                "// words\n#include \"b.cuh\"\nint a; // more\n",
                "b.cuh",
                "#include \"c.cuh\"\n",
                "c.cuh",
                "int c;"));
        String before = KernelSource.digest("a.cu", files::get);
        files.put("a.cu", "#include \"b.cuh\"\n\n  int a;\n// others\n");
        assertThat(KernelSource.digest("a.cu", files::get)).isEqualTo(before).hasSize(12);
        files.put("c.cuh", "int d;");
        assertThat(KernelSource.digest("a.cu", files::get)).isNotEqualTo(before);
        Measured m =
                Measured.of("k\twork\t5.00\tTFLOP/s\t0.50\tpeak: 10 TFLOP/s\tcard\tabcdef0\t" + before + "\tr.md\ts");
        assertThat(m.text(before))
                .isEqualTo(
                        "work: 5.00 TFLOP/s, 50 % of peak: 10 TFLOP/s (card, commit abcdef0, r.md; its code is the same)");
        assertThat(m.text("0")).contains("has changed since, and this was not measured again");
        assertThat(Measured.of(m.line().replace("0.50\tpeak: 10 TFLOP/s", "-\t-"))
                        .text("0"))
                .startsWith("work: 5.00 TFLOP/s, no ceiling was measured beside it (");
    }

    /** What a report of today would be entered as, several ceilings among it. */
    @Test
    void rowsOfAReport() {
        String report = """
                # cuda: NVIDIA H200, 2026-12-01

                ## models (1.0 s)

                cuBLASLt's product of 8192: 700 TFLOP/s

                the copy: 4200 GB/s

                | work | way | median | least .. most | unit | of the ceiling | of the library | at least | aim | reached | notes |
                |---|---|---:|---:|---|---:|---:|---:|---:|---|---|
                | some product | hopper | 350 | 340 .. 360 | TFLOP/s | 50 % |  |  |  |  | dense, matmul_sm90a; goal: some |
                | some rows | best | 2100 | 2000 .. 2200 | GB/s | 50 % |  |  |  |  | gemv_1 |
                | some rows | library | 3000 | 2900 .. 3100 | GB/s | 71 % |  |  |  |  | cublasLt, gemv_1 |
                """;
        List<Measured> rows = entered(report, "bench/results/x.md", "abcdef0", entry -> "0123456789ab");
        assertThat(rows.stream().map(Measured::line))
                .containsExactly(
                        "matmul_sm90a\tsome product\t350\tTFLOP/s\t0.50\tcuBLASLt's product of 8192: 700 TFLOP/s\tNVIDIA H200"
                                + "\tabcdef0\t0123456789ab\tbench/results/x.md\tmodels",
                        "gemv_1\tsome rows\t2100\tGB/s\t0.50\tthe copy: 4200 GB/s\tNVIDIA H200\tabcdef0\t0123456789ab"
                                + "\tbench/results/x.md\tmodels");
    }

    private static List<Measured> entered(
            String markdown, String report, String commit, UnaryOperator<String> digests) {
        Map.Entry<String, List<Reports.Line>> read = Reports.ofBench(markdown);
        List<Measured> rows = new ArrayList<>();
        for (Reports.Line l : read.getValue()) {
            for (String kernel : l.kernels()) {
                if (files().containsKey(kernel) && !HELPERS.contains(kernel)) {
                    boolean placed = !l.share().isEmpty();
                    double share = placed ? Double.parseDouble(l.share().replace(" %", "")) / 100 : Double.NaN;
                    rows.add(new Measured(
                            kernel,
                            l.what(),
                            l.figure(),
                            l.unit(),
                            share,
                            placed ? l.ceiling() : "",
                            read.getKey(),
                            commit,
                            digests.apply(kernel),
                            report,
                            l.section()));
                }
            }
        }
        return rows;
    }

    @Test
    @EnabledIfSystemProperty(named = "aegis.measured", matches = ".+@.+")
    void enter() throws IOException {
        String[] given = System.getProperty("aegis.measured").split("@");
        String markdown = Files.readString(Path.of("..", given[0]));
        UnaryOperator<String> then = file -> git(given[1], file);
        Map<String, String> digests = new HashMap<>();
        UnaryOperator<String> digest =
                kernel -> digests.computeIfAbsent(kernel, k -> KernelSource.digest(files().get(k), then));
        String old = Files.readAllLines(FILE).stream()
                .filter(l -> !l.contains("\t" + given[0] + "\t"))
                .map(l -> l + "\n")
                .collect(Collectors.joining());
        String fresh = entered(markdown, given[0], given[1], digest).stream()
                .map(m -> m.line() + "\n")
                .collect(Collectors.joining());
        Files.writeString(FILE, old + fresh);
    }

    private static String git(String commit, String file) {
        try {
            Process p = new ProcessBuilder("git", "show", commit + ":" + KERNELS + file)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            String text = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (p.waitFor() != 0) {
                throw new IllegalArgumentException("git has no " + file + " of commit " + commit);
            }
            return text;
        } catch (IOException e) {
            throw new IllegalStateException("git show could not be run: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
