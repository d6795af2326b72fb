package io.aegis.cli.gpu.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.cuda.DeviceReport;
import io.aegis.kernels.cuda.DriverReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProvenanceTest {
    private static final List<DeviceReport> TWO = List.of(
            new DeviceReport(0, "NVIDIA T4", "7.5", "sm_75", 16L << 30, 40, 1590, 5001, "too old"),
            new DeviceReport(1, "NVIDIA H200", "9.0", "sm_90a", 150754820096L, 132, 1980, 3201, null));
    private static final DriverReport DRIVER = new DriverReport("libcuda.so.1", "580.95.05", "13.0");

    @TempDir
    Path folder;

    private static Provenance of(String device) {
        return Provenance.of("2026-11-28", "1f9ddd2e", device, TWO, DRIVER, "NVRTC 13.0");
    }

    private static ObjectNode json(Provenance p) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        p.into(o);
        return o;
    }

    /** Not the first device's name for whichever was asked for. */
    @ParameterizedTest
    @CsvSource({"cuda, 0, NVIDIA T4, 7.5", "cuda:0, 0, NVIDIA T4, 7.5", "cuda:1, 1, NVIDIA H200, 9.0"})
    void theDeviceThatWasAskedFor(String device, int index, String name, String capability) {
        Provenance p = of(device);
        assertThat(p.index()).isEqualTo(index);
        assertThat(p.capability()).isEqualTo(capability);
        assertThat(p.title()).isEqualTo(device + ": " + name);
    }

    @Test
    void allOfItInWordsAndAsJson() {
        Provenance p = of("cuda:1");
        assertThat(p.text())
                .isEqualTo(
                        "Commit 1f9ddd2e; device 1, NVIDIA H200, compute capability 9.0, 132 multiprocessors, 143,771"
                                + " MB; clocks at most 1980 MHz, memory 3201 MHz; driver 580.95.05 libcuda.so.1, CUDA 13.0; kernels"
                                + " compiled by NVRTC 13.0; Java " + Runtime.version() + ".");
        ObjectNode o = json(p);
        List<String> keys = new ArrayList<>();
        o.fieldNames().forEachRemaining(keys::add);
        assertThat(keys)
                .contains(
                        "date",
                        "commit",
                        "device_name",
                        "device_index",
                        "compute_capability",
                        "driver",
                        "cuda",
                        "compiler",
                        "clock_limit_mhz",
                        "memory_clock_limit_mhz");
        assertThat(Provenance.of(o)).isEqualTo(p);
    }

    @Test
    void whatIsUnknownIsSaidOrLeftOut() {
        Provenance p = Provenance.of("2026-11-28", "", "cuda:7", TWO, null, null);
        assertThat(p.title()).isEqualTo("cuda:7");
        assertThat(p.text())
                .startsWith(
                        "Commit unknown; device 7, unknown, compute capability unknown; clocks at most unknown, memory"
                                + " unknown; driver unknown, CUDA unknown; kernels compiled by unknown; Java ");
        assertThat(json(p).has("device_name")).isFalse();
        assertThat(Provenance.of(json(p))).isEqualTo(p);
        Provenance emulator = of("emulator");
        assertThat(emulator.title()).isEqualTo("emulator");
        assertThat(emulator.text()).isEqualTo("Commit 1f9ddd2e; Java " + Runtime.version() + ".");
        assertThat(Provenance.of(json(emulator))).isEqualTo(emulator);
    }

    private void git(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of("git", "-C", folder.toString(), "-c", "user.name=a", "-c", "user.email=a@example.org"));
        command.addAll(List.of(words));
        Process p;
        try {
            p = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("said").toFile())
                    .start();
        } catch (IOException e) {
            Assumptions.abort("there is no git: " + e.getMessage());
            throw e;
        }
        assertThat(p.waitFor()).as(Files.readString(folder.resolve("said"))).isZero();
    }

    @Test
    void theCommitOfACheckout() throws Exception {
        assertThat(SourceCommit.of(folder)).as("no checkout").isEmpty();
        git("init", "-q");
        assertThat(SourceCommit.of(folder)).as("no commit").isEmpty();
        Path source = Files.writeString(folder.resolve("source"), "one");
        git("add", "source");
        git("commit", "-q", "-m", "first");
        assertThat(SourceCommit.of(folder)).matches("[0-9a-f]{12}");
        Files.writeString(source, "another");
        assertThat(SourceCommit.of(folder)).matches("[0-9a-f]{12} with changes");
        assertThat(SourceCommit.of(Files.createDirectory(folder.resolve("inside"))))
                .as("a folder of a checkout is another project's")
                .isEmpty();
    }
}
