package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.kernels.cuda.KernelTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelsCommandTest {
    @TempDir
    Path folder;

    @Test
    void printsTheTable() {
        Typed all = aegis("kernels");
        assertThat(all.status()).as(all.err()).isZero();
        List<String> lines = all.out().lines().toList();
        assertThat(lines.getFirst().split(" +"))
                .containsExactly(
                        "file", "variant", "kernel", "arch", "registers", "shared", "dynamic", "spills", "code");
        assertThat(lines.getLast()).matches("\\d+ kernels; registers of a thread.* as made by .*");
        Typed one = aegis("kernels", "--arch", "sm_90a");
        assertThat(one.status()).isZero();
        assertThat(one.out().lines().filter(l -> l.contains(" sm_90a ")).count())
                .isEqualTo(one.out().lines().count() - 2)
                .isEqualTo(lines.stream().filter(l -> l.contains(" sm_90a ")).count())
                .isPositive();
    }

    @Test
    void explainsAKernel() {
        Typed one = aegis("kernels", "--explain", "attention_sm90a");
        assertThat(one.status()).as(one.err()).isZero();
        assertThat(one.out())
                .startsWith("attention_sm90a.cu: O = softmax(")
                .contains("\nTile ", "\nBarriers ", "\nMaths ")
                .containsPattern("DIM=128 TYPE=bf16 +attention_sm90a +sm_90a +168 +\\d+ +163840 +0 ")
                .contains(System.lineSeparator() + "attention_sm90a: measured" + System.lineSeparator())
                .contains("head 128, 4096 tokens, 4 x 16 heads: 552.84 TFLOP/s (NVIDIA H100");
        for (String gradients : List.of("attention_key_gradients_sm90a", "attention_query_gradient_sm90a")) {
            assertThat(aegis("kernels", "--explain", gradients).out())
                    .startsWith(gradients + ".cu: ")
                    .contains("\nTile ", "\nShared ", "\nRoles ", "\nBarriers ", "\nMasks ")
                    .contains(gradients + ": measured");
        }
        Typed file = aegis("kernels", "--explain", "attention", "--arch", "sm_90a");
        assertThat(file.out())
                .startsWith("attention.cu: ")
                .contains(
                        "attention_forward: measured",
                        "head 128, 4096 tokens, 4 x 16 heads: 310.45 TFLOP/s (NVIDIA H200")
                .doesNotContain("sm_80 ");
        Typed none = aegis("kernels", "--explain", "flash");
        assertThat(none.status()).isEqualTo(2);
        assertThat(none.err()).contains("--explain flash: there are ", "attention_forward, ", "vision_masking");
    }

    /** A figure that the program tells of a kernel stands in a report. */
    @Test
    void figuresAreThoseOfReports() throws IOException {
        Set<String> entries = KernelTable.shipped().rows().stream()
                .map(KernelTable.Row::entry)
                .collect(Collectors.toSet());
        assertThat(Measured.all()).isNotEmpty();
        for (Measured m : Measured.all()) {
            assertThat(entries).contains(m.kernel());
            JsonNode report = new ObjectMapper()
                    .readTree(Path.of("..", m.report().replace(".md", ".json")).toFile());
            assertThat(report.path("device").asText()).endsWith(m.card());
            List<String> figures = new ArrayList<>();
            for (JsonNode section : report.path("sections")) {
                for (JsonNode line : section.path("lines")) {
                    if (section.path("title").asText().equals(m.section())
                            && line.path("name").asText().equals(m.what())) {
                        figures.add(String.format(
                                Locale.ROOT,
                                "%.2f %s",
                                line.path("value").asDouble(),
                                line.path("unit").asText()));
                    }
                }
            }
            assertThat(figures).as(m.toString()).containsExactly(m.figure() + " " + m.unit());
        }
    }

    @Test
    void wrongWords() {
        Typed arch = aegis("kernels", "--arch", "sm_75");
        assertThat(arch.status()).isEqualTo(2);
        assertThat(arch.err()).contains("--arch sm_75: the table has ", "sm_80");
        Typed build = aegis("kernels", "--build", "H100", "--out", folder);
        assertThat(build.status()).isEqualTo(1);
        assertThat(build.err())
                .startsWith("aegis: ")
                .doesNotContain("\tat ")
                .matches(e -> e.lines().count() == 1);
    }

    /** Whatever this machine has, the doctor has a line for it. */
    @Test
    void theDoctorLooksForGpus() {
        Typed r = aegis("doctor");
        assertThat(r.status()).as(r.err()).isZero();
        assertThat(r.out()).containsPattern("(?m)^gpu        \\S.*").containsPattern("(?m)^nv(rtc|cc ) +\\S.*");
    }
}
