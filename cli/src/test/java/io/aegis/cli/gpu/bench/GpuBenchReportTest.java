package io.aegis.cli.gpu.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.ChildProcess;
import io.aegis.kernels.cuda.Route;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GpuBenchReportTest {
    @TempDir
    Path folder;

    private static final Result MEASURED = new Result(
            "some work",
            Route.HOPPER,
            List.of("attention_sm90a"),
            612.5,
            "TFLOP/s",
            600,
            620,
            0.775,
            "cuBLASLt's product of 8192",
            0.9,
            Goal.of(560, 660),
            "at least",
            new Footprint(1_500_000_000L, 1_450_000_000L, 1_400_000_000L),
            "");

    private static Result throughJson(Result r) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        r.into(o);
        return Result.of(o);
    }

    @Test
    void resultsSurviveJson() {
        assertThat(throughJson(MEASURED)).isEqualTo(MEASURED);
        Row row = Plan.GEMM.rows().getFirst();
        Result out = Result.leftOut(row, Route.LIBRARY, List.of("matmul"), "cuBLASLt does not take it");
        assertThat(throughJson(out)).isEqualTo(out);
        assertThat(out.measured()).isFalse();
        assertThat(out.toString()).contains("left out: cuBLASLt does not take it");
    }

    /** What a portable kernel is held to is no aim. */
    @Test
    void aGoalWithoutAnAim() {
        Goal goal = Goal.shareAtLeast(0.75);
        Result r = new Result(
                "some rows",
                Route.PORTABLE,
                List.of("gemv_1"),
                3500,
                "GB/s",
                3400,
                3600,
                0.8,
                "the copy",
                Double.NaN,
                goal,
                goal.verdict(Unit.GIGABYTES, 3500, 0.8),
                Footprint.NONE,
                "");
        assertThat(throughJson(r)).isEqualTo(r);
        assertThat(r.markdown())
                .isEqualTo(
                        "| some rows | portable | 3500 | 3400 .. 3600 | GB/s | 80 % |  | 75 % |  | at least | gemv_1 |\n");
        assertThat(r.toString())
                .contains("80 % of the copy, asked 75 %: at least; gemv_1")
                .doesNotContain("aim");
    }

    @Test
    void aRowForPeople() {
        assertThat(MEASURED.markdown())
                .isEqualTo("| some work | hopper | 613 | 600 .. 620 | TFLOP/s | 78 % | 90 % | 560 | 660 | at least |"
                        + " attention_sm90a; 1.50 GB of device memory at most, planned 1.45 GB (+3.4 %), asked 1.40 GB:"
                        + " beyond |\n");
        assertThat(new Footprint(1_400_000_000L, 0, 1_400_000_000L).text())
                .isEqualTo("1.40 GB of device memory at most, asked 1.40 GB: within");
        assertThat(Result.HEAD.lines().map(l -> l.chars().filter(c -> c == '|').count()))
                .containsOnly(MEASURED.markdown().chars().filter(c -> c == '|').count());
        assertThat(MEASURED.toString())
                .contains("613 TFLOP/s", "[600 .. 620]", "78 % of cuBLASLt's product", "asked 560, aim 660: at least");
    }

    /** A barrier that nobody arrives at, say: the process is ended, and the report has what came before and the row that hung. */
    @Test
    void theWatchdogNamesTheRow() throws IOException, InterruptedException {
        String says = "echo '{\"measuring\":\"first\"}'; echo '{\"result\":" + json(MEASURED)
                + "}'; echo '{\"measuring\":\"the one that hangs\"}'; exec sleep 600";
        ChildProcess ran = ChildProcess.run(List.of("sh", "-c", says), folder.resolve("log"), 3);
        JsonNode section = GpuBenchReport.section(Plan.ATTENTION, ran);
        assertThat(section.path("results")).hasSize(1);
        assertThat(section.path("problem").asText()).startsWith("at the one that hangs: ended after 3 s");
        assertThat(GpuBenchReport.text(section)).contains("some work", "failed at the one that hangs");
        ObjectNode report = GpuBenchReport.begin(Provenance.here("emulator", ""), "commit x", true);
        report.withArray("sections").add(section);
        GpuBenchReport.write(folder.resolve("out"), report);
        assertThat(Files.readString(folder.resolve("out").resolve("gpu-bench.md")))
                .startsWith("# emulator, ")
                .contains("tiny shapes: the figures mean nothing. commit x")
                .contains("cuDNN: ", "cuDNN was seen at 671", "for an H200")
                .contains("## attention", "| at least | aim | reached |", MEASURED.work())
                .contains("**failed** at the one that hangs");
        assertThat(new ObjectMapper()
                        .readTree(
                                folder.resolve("out").resolve("gpu-bench.json").toFile()))
                .isEqualTo(report);
    }

    private static JsonNode json(Result r) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        r.into(o);
        // A shell's quotes are around it.
        o.put("ceiling", "the copy");
        return o;
    }
}
