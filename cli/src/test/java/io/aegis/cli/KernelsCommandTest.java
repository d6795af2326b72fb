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
                .containsExactly("file", "variant", "kernel", "arch", "registers", "shared", "spills", "code");
        assertThat(lines.getLast()).matches("\\d+ kernels; registers of a thread.* as made by .*");
        Typed one = aegis("kernels", "--arch", "sm_90a");
        assertThat(one.status()).isZero();
        assertThat(one.out().lines().filter(l -> l.contains(" sm_90a ")).count())
                .isEqualTo(one.out().lines().count() - 2)
                .isEqualTo(lines.stream().filter(l -> l.contains(" sm_90a ")).count())
                .isPositive();
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
