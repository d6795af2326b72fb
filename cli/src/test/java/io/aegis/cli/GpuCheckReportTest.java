package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code gpu-check} says of the device it was asked to check, in a process with a faked driver of two. */
class GpuCheckReportTest {
    @TempDir
    Path folder;

    private void check(List<String> flags, String device) throws IOException, InterruptedException {
        // A section that reads reference values is left out without them, so nothing is computed.
        Process process = ChildJvm.of(
                        flags,
                        "gpu-check",
                        "--device",
                        device,
                        "--sections",
                        "golden_f32",
                        "--commit",
                        "1f9ddd2e",
                        "--note",
                        "A note.",
                        "--out",
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("said").toFile())
                .start();
        assertThat(process.waitFor())
                .as(Files.readString(folder.resolve("said")))
                .isZero();
    }

    private JsonNode json() throws IOException {
        return new ObjectMapper().readTree(folder.resolve("report.json").toFile());
    }

    @Test
    void theDeviceThatWasChecked() throws Exception {
        Path nvcc = folder.resolve("nvcc");
        Files.writeString(nvcc, "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, V13.0.48'\n");
        assertThat(nvcc.toFile().setExecutable(true)).isTrue();
        check(List.of(FakeDevices.driver(folder, 2, 86), "-Daegis.nvrtc=none", "-Daegis.nvcc=" + nvcc), "cuda:1");
        String text = Files.readString(folder.resolve("report.md"));
        assertThat(text)
                .startsWith("# cuda:1: Fake 1, 20")
                .contains(
                        "\n\nCommit 1f9ddd2e; device 1, Fake 1, compute capability 8.6, 132 multiprocessors, 64 MB; clocks"
                                + " at most 1980 MHz, memory 3201 MHz; driver ")
                .contains(", CUDA 13.2; kernels compiled by nvcc 13.0.48; Java ")
                .contains("\nA note.\n", "## golden-f32", "left out: no --golden");
        JsonNode report = json();
        assertThat(report.path("device").asText()).isEqualTo("cuda:1: Fake 1");
        assertThat(report.path("device_index").asInt()).isEqualTo(1);
        assertThat(report.path("device_name").asText()).isEqualTo("Fake 1");
        assertThat(report.path("compute_capability").asText()).isEqualTo("8.6");
        assertThat(report.path("clock_limit_mhz").asInt()).isEqualTo(1980);
        assertThat(report.path("memory_clock_limit_mhz").asInt()).isEqualTo(3201);
        assertThat(report.path("cuda").asText()).isEqualTo("13.2");
        assertThat(report.path("driver").asText()).contains("libcuda286.so.1");
        assertThat(report.path("commit").asText()).isEqualTo("1f9ddd2e");
        assertThat(report.path("date").asText()).matches("20\\d\\d-\\d\\d-\\d\\d");
    }

    /** The emulator needs no driver, and has no device to tell of. */
    @Test
    void withoutADriverNothingIsMadeUp() throws Exception {
        try (AutoCloseable _ = (AutoCloseable) CudaBackend.emulator(Precision.F32)) {
            check(List.of("-Daegis.libcuda=libcuda-of-nobody.so.1"), "emulator");
        } catch (CudaException e) {
            Assumptions.abort("there is no emulator: " + e.getMessage());
        }
        assertThat(Files.readString(folder.resolve("report.md")))
                .startsWith("# emulator, 20")
                .doesNotContain("device", "driver");
        assertThat(json().has("device_name")).isFalse();
    }
}
