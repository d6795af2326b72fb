package io.aegis.cli.gpu.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.gpu.bench.KernelProfile.Counter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With programs that print what Nsight Compute's documentation says it prints. */
class NsightComputeTest {
    private static final String TABLE = """
            ==PROF== Connected to process 7
            {"measuring":"what the process itself says"}
            "ID","Process ID","Kernel Name","Context","Section Name","Metric Name","Metric Unit","Metric Value"
            "0","7","attention_sm90a","1","Command line profiler metrics","gpu__time_duration.sum","ns","1,954,000"
            "0","7","attention_sm90a","1","Command line profiler metrics","sm__throughput.avg.pct_of_peak_sustained_elapsed","%","71.5"
            "0","7","attention_sm90a","1","Command line profiler metrics","launch__registers_per_thread","register/thread","168"
            "0","7","attention_sm90a","1","Command line profiler metrics","some__other.metric","","n/a"
            "1","7","attention_sm90a","1","Command line profiler metrics","gpu__time_duration.sum","ns","54000"
            "1","7","attention_sm90a","1","Command line profiler metrics","sm__throughput.avg.pct_of_peak_sustained_elapsed","%","9"
            "2","7","matmul(const void *, ""x"")","1","Command line profiler metrics","gpu__time_duration.sum","ns","2000"
            "2","7","matmul(const void *, ""x"")","1","Command line profiler metrics","dram__throughput.avg.pct_of_peak_sustained_elapsed","%","n/a"
            ==PROF== Disconnected
            """;

    @TempDir
    Path folder;

    private Path program(String script) throws IOException {
        Path ncu = folder.resolve("ncu");
        Files.writeString(ncu, "#!/bin/sh\n" + script);
        assertThat(ncu.toFile().setExecutable(true)).isTrue();
        return ncu;
    }

    private NsightCompute.Profile run(String script) throws Exception {
        return NsightCompute.run(program(script), List.of("java", "of our own"), folder.resolve("log"), 20);
    }

    @Test
    void figuresOfTheLongestLaunch() throws Exception {
        Files.writeString(folder.resolve("table"), TABLE);
        NsightCompute.Profile p = run("echo \"$@\" > " + folder.resolve("asked") + "; cat " + folder.resolve("table"));
        assertThat(p.note()).isEmpty();
        assertThat(p.kernels())
                .containsExactly(
                        new KernelProfile(
                                "attention_sm90a",
                                2,
                                Map.of(Counter.TIME, 1954.0, Counter.MULTIPROCESSORS, 71.5, Counter.REGISTERS, 168.0)),
                        new KernelProfile("matmul", 1, Map.of(Counter.TIME, 2.0)));
        assertThat(Files.readString(folder.resolve("asked")))
                .startsWith("--csv --print-units base --kernel-name regex:^(attention|matmul|dense|sum_parts) --metrics"
                        + " gpu__time_duration.sum,sm__throughput")
                .endsWith(",launch__registers_per_thread java of our own\n");
        assertThat(p.kernels().getFirst())
                .hasToString("attention_sm90a, the longest of 2: 1954 us, 71.50 % of the multiprocessors' peak,"
                        + " 168 registers");
    }

    @Test
    void inAReport() throws Exception {
        Files.writeString(folder.resolve("table"), TABLE);
        NsightCompute.Profile p = run("cat " + folder.resolve("table"));
        ObjectNode section = JsonNodeFactory.instance.objectNode().put("section", "attention");
        GpuBenchReport.profile(section, p);
        assertThat(KernelProfile.of(section.path("profile").get(0)))
                .isEqualTo(p.kernels().getFirst());
        assertThat(GpuBenchReport.text(section)).contains("  matmul, the longest of 1: 2.00 us");
        ObjectNode report = GpuBenchReport.begin(Provenance.here("emulator", ""), "", true);
        report.withArray("sections").add(section);
        assertThat(GpuBenchReport.markdown(report))
                .contains("By Nsight Compute", "- attention_sm90a, the longest of 2: 1954 us");
        ObjectNode without = JsonNodeFactory.instance.objectNode().put("section", "gemm");
        GpuBenchReport.profile(without, NsightCompute.Profile.none("ncu is not on the PATH"));
        assertThat(GpuBenchReport.text(without))
                .contains("  no figures of Nsight Compute: ncu is not on the PATH" + System.lineSeparator());
    }

    @Test
    void whatIsMissingIsSaidInOneLine() throws Exception {
        assertThat(run("echo '==ERROR== ERR_NVGPUCTRPERM - The user does not have permission'; exit 1")
                        .note())
                .contains("may not read the device's counters (ERR_NVGPUCTRPERM)")
                .doesNotContain("\n");
        assertThat(run("echo '==ERROR== Failed to find metric x'; exit 3").note())
                .endsWith("ncu: exit status 3: ==ERROR== Failed to find metric x");
        assertThat(run("echo nothing of interest").note()).contains("printed no table of kernels, see ");
        assertThat(run("echo '\"ID\",\"Kernel Name\",\"Metric Name\",\"Metric Value\"'; echo '\"0\",\"k\"'")
                        .note())
                .contains("a line of 2 fields, expected 4");
        Path none = folder.resolve("nowhere");
        assertThat(NsightCompute.run(none, List.of(), folder.resolve("log"), 5).note())
                .startsWith("no figures of Nsight Compute: " + none);
    }

    @Test
    void numbersThatAreNone() {
        assertThatThrownBy(() -> KernelProfile.of(TABLE.replace("1,954,000", "much")))
                .hasMessage("gpu__time_duration.sum is 'much', expected a number");
    }

    @Test
    void whereItIsLookedFor() throws IOException {
        Path ncu = program("");
        assertThat(NsightCompute.find("/nowhere::" + folder)).contains(ncu);
        assertThat(NsightCompute.find("/nowhere")).isEmpty();
        assertThat(NsightCompute.find(null)).isEmpty();
    }
}
