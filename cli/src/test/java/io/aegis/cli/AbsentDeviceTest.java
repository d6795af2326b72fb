package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code --device cuda} without a GPU that can be used: one line says why and what to do, and nothing has been written. Each in a
 * process of its own, as a driver is looked for once, so that what GPU this machine has is of no account.
 */
class AbsentDeviceTest {
    private static final String TRAIN = "train dadm --data IN --out OUT --size tiny";

    @TempDir
    Path folder;

    private Path out() {
        return folder.resolve("out");
    }

    /** The one line that a command ends with; it has exit status 1, and its output folder does not exist. */
    private String refused(List<String> flags, String command, String device) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(command.split(" ")));
        String nowhere = folder.resolve("nothing").toString();
        words.replaceAll(w -> w.equals("IN") ? nowhere : w.equals("OUT") ? out().toString() : w);
        words.addAll(List.of("--device", device));
        Path said = folder.resolve("said");
        Process process = ChildJvm.of(flags, words.toArray(String[]::new))
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        int status = process.waitFor();
        List<String> lines = Files.readAllLines(said).stream()
                .filter(l -> !l.contains("incubator"))
                .toList();
        assertThat(status).as(lines.toString()).isEqualTo(1);
        assertThat(lines).as("one line").hasSize(1);
        assertThat(out()).doesNotExist();
        return lines.getFirst();
    }

    @ParameterizedTest
    @CsvSource({
        "score --model IN --rgb IN, cuda",
        "analyze --model IN --image IN --report OUT, cuda:1",
        "train dadm --data IN --out OUT --size tiny, cuda",
        "train dadm --data IN --out OUT --size tiny --dtype f16, cuda:1",
        "train faceshield --stage full --model IN --data IN --images IN --out OUT, cuda:1",
        "evaluate dadm --model IN --data IN --out OUT --dtype bf16, cuda:1",
        "evaluate faceshield --model IN --data IN --images IN --out OUT, cuda",
        "gpu-check --out OUT, cuda:1",
    })
    void withoutADriver(String command, String device) throws Exception {
        String line = refused(List.of("-Daegis.libcuda=libcuda-of-nobody.so.1"), command, device);
        String name = device.contains(":") ? device : device + ":0";
        assertThat(line)
                .startsWith(
                        "aegis: " + name + " cannot be used: no NVIDIA driver (libcuda-of-nobody.so.1 does not load):"
                                + " install one from nvidia.com/drivers")
                .contains("--gpus all");
    }

    @Test
    void devicesThatTheDriverDoesNotShow() throws Exception {
        assertThat(refused(List.of(FakeDevices.driver(folder, 2, 90)), TRAIN, "cuda:2"))
                .isEqualTo("aegis: there is no cuda:2: the driver shows 2 GPUs, cuda:0 to cuda:1");
        assertThat(refused(List.of(FakeDevices.driver(folder, 0, 90)), "score --model IN --rgb IN", "cuda"))
                .isEqualTo("aegis: there is no cuda:0: the driver shows no GPU");
    }

    @Test
    void devicesThatAreTooOld() throws Exception {
        assertThat(refused(List.of(FakeDevices.driver(folder, 2, 75)), TRAIN, "cuda:1"))
                .isEqualTo("aegis: cuda:1, Fake 1, has compute capability 7.5; the kernels need 8.0 (Ampere) or newer");
    }

    /** Without this a run would begin its folder, fail at its first kernel, and be in the way of the next. */
    @Test
    void noMachineCodeAndNoCompiler() throws Exception {
        List<String> flags = List.of(
                FakeDevices.driver(folder, 2, 90),
                "-Daegis.nvrtc=none",
                "-Daegis.nvcc=none",
                "-Daegis.cubins=none",
                "-Daegis.cache=" + folder.resolve("cache"));
        assertThat(refused(flags, TRAIN, "cuda:1"))
                .startsWith("aegis: cuda:1, Fake 1, cannot be used: no compiler for kernels (")
                .contains("cuda-redist jar", "into the folder lib beside ./aegis", "-Daegis.nvrtc=DIR");
    }

    /** What is no device's name is said in words, before anything else is looked at. */
    @ParameterizedTest
    @CsvSource({"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "CUDA", "cuda0"})
    void namesOfNoDevice(String device) {
        for (Object[] command : new Object[][] {
            {"score", "--model", folder, "--rgb", folder},
            {"train", "dadm", "--data", folder, "--out", out(), "--size", "tiny"},
            {"train", "dadm", "--plan", "--size", "tiny"},
        }) {
            List<Object> words = new ArrayList<>(List.of(command));
            words.addAll(List.of("--device", device));
            Typed r = Typed.aegis(words.toArray());
            assertThat(r.status()).as(r.out()).isEqualTo(1);
            assertThat(r.err())
                    .isEqualTo("aegis: --device " + device + ": expected cpu, cuda, cuda:N or emulator"
                            + System.lineSeparator());
        }
        assertThat(out()).doesNotExist();
    }
}
