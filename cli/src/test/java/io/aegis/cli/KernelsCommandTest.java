package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
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
                .contains(
                        "head 128, 4096 tokens, 4 x 16 heads: 552.84 TFLOP/s, 83 % of our own product of 8192: 666 TFLOP/s"
                                + " (NVIDIA H100 80GB HBM3, commit 7bbd3e5, bench/results/2026-11-27-h100.md; its code ")
                .contains(
                        "head 128, 4096 tokens, 4 x 16 heads: 576 TFLOP/s, 85 % of cuBLASLt's product of 8192: 678 TFLOP/s"
                                + " (NVIDIA H200, commit 0090c97, ");
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
                        "head 128, 4096 tokens, 4 x 16 heads: 310.45 TFLOP/s, 52 % of cuBLASLt's product of 8192")
                .doesNotContain("sm_80 ");
        assertThat(aegis("kernels", "--explain", "likeliest").out()).contains(": not measured");
        Typed none = aegis("kernels", "--explain", "flash");
        assertThat(none.status()).isEqualTo(2);
        assertThat(none.err()).contains("--explain flash: there are ", "attention_forward, ", "vision_masking");
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
