package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Drivers from before what is used here. */
class OldDriverTest {
    private static final Variant ADDING = Variant.of("common.cuh").with("N", 1);

    @TempDir
    Path folder;

    /** Of CUDA 11.2, which has no cuGraphInstantiateWithFlags. */
    private static String old() throws Exception {
        FakeDriver.fresh(); // or skipped
        return FakeDriver.build("fake_cuda.c", "-DFAKE_VERSION=11020", "-DFAKE_WITHOUT_GRAPHS")
                .toString();
    }

    private static String line(String file) {
        return "the NVIDIA driver (" + file + ") is too old: it is for CUDA 11.2, and 12.0 or newer is needed (525 or"
                + " newer, as nvidia-smi counts); install one from nvidia.com/drivers or the system's packages, for a"
                + " container on its host";
    }

    @Test
    void oneLineNamesWhatThereIsAndWhatIsNeeded() throws Exception {
        String file = old();
        assertThat(Driver.probe(List.of(file))).isEqualTo(new Driver.Probe(null, line(file)));
    }

    @Test
    void theOldestThatIsTaken() {
        FakeDriver fake = FakeDriver.fresh();
        fake.version(Driver.OLDEST);
        Driver.Probe oldest = Driver.probe(List.of(fake.file()));
        assertThat(oldest.problem()).isNull();
        assertThat(oldest.driver().versionText()).isEqualTo("12.0");
        assertThat(oldest.driver().hasProgrammaticLaunches()).as("from 12.3 on").isFalse();
        fake.version(11080);
        assertThat(Driver.probe(List.of(fake.file())).problem()).contains("it is for CUDA 11.8, and 12.0 or newer");
    }

    /** The process that has such a driver: asks for the GPU, and computes on the processor. */
    static final class Run {
        private Run() {}

        public static void main(String[] args) {
            System.out.println(CudaBackend.unavailable());
            try {
                CudaBackend.open(0, Precision.F32);
            } catch (CudaException e) {
                System.out.println(e.getMessage());
            }
            System.out.println(Arrays.toString(product()));
        }
    }

    private static double[] product() {
        View c = TestViews.garbage(DType.F32, 3, 2);
        View a = TestViews.random(1, DType.F32, 3, 5);
        Backends.best().matmul().multiply(a, TestViews.random(2, DType.F32, 5, 2), c, Matmul.Epilogue.NONE);
        return c.toDoubles();
    }

    @Test
    void theCpuGoesOn() throws Exception {
        String file = old();
        String path = Stream.of("jdk.module.path", "java.class.path")
                .map(System::getProperty)
                .filter(Objects::nonNull)
                .filter(p -> !p.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
        Process run = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-Daegis.libcuda=" + file,
                        "-cp",
                        "target/test-classes" + File.pathSeparator + path,
                        Run.class.getName())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        List<String> said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList();
        assertThat(run.waitFor()).isZero();
        assertThat(said)
                .containsExactly(line(file), "cuda:0 cannot be used: " + line(file), Arrays.toString(product()));
    }

    /** Machine code of a newer CUDA: the driver's refusal is explained, and nothing is refused before it. */
    @Test
    void codeOfANewerCompiler() {
        FakeDriver fake = FakeDriver.fresh();
        fake.version(12040);
        try (DriverEngine engine =
                new DriverEngine(fake.driver(), 0, FakeDriver.cubins(folder, "refused", "NVRTC 13.0"))) {
            assertThatThrownBy(() -> engine.kernel(ADDING, "add"))
                    .isInstanceOf(CudaException.class)
                    .hasMessageStartingWith("loading common.cuh [N=1], made by NVRTC 13.0 for sm_90a, into a driver of"
                            + " CUDA 12.4 on cuda:0: cuModuleLoadData: ")
                    .hasMessageEndingWith("; machine code of NVRTC 13.0 needs a driver for CUDA 13.0 or newer, and this"
                            + " one is for 12.4: install a newer driver, or give the folder of libnvrtc.so.12 by"
                            + " -Daegis.nvrtc=DIR");
        }
        try (DriverEngine engine =
                new DriverEngine(fake.driver(), 0, FakeDriver.cubins(folder, "refused too", "nvcc 12.9.86"))) {
            assertThatThrownBy(() -> engine.kernel(ADDING, "add"))
                    .hasMessageContaining("cuModuleLoadData: ")
                    .message()
                    .doesNotContain("install");
        }
        try (DriverEngine engine =
                new DriverEngine(fake.driver(), 0, FakeDriver.cubins(folder, FakeDriver.TAKEN, "NVRTC 13.0"))) {
            assertThat(engine.kernel(ADDING, "add").entry()).isEqualTo("add");
        }
        assertThat(fake.driver().lack("pretended 1.0")).isNull();
    }
}
