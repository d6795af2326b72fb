package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** The driver that the tests of {@code kernels} play, for a process of the program. */
final class FakeDevices {
    private static final Path SOURCE = Path.of("../kernels/src/test/resources/io/aegis/kernels/cuda/fake_cuda.c");

    private FakeDevices() {}

    /**
     * Compiles it; without gcc the test is skipped, and says so.
     *
     * @param folder that takes the library
     * @param devices that it shows, named Fake 0 and so on
     * @param capability ten times their compute capability
     * @return the flag of a virtual machine that takes it for its driver
     */
    static String driver(Path folder, int devices, int capability) throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.isRegularFile(SOURCE), SOURCE + " is not there: no driver is faked");
        Path library = folder.resolve("libcuda" + devices + capability + ".so.1");
        Process gcc;
        try {
            gcc = new ProcessBuilder(
                            "gcc",
                            "-shared",
                            "-fPIC",
                            "-O1",
                            "-pthread",
                            "-DFAKE_DEVICES=" + devices,
                            "-DFAKE_CAPABILITY=" + capability,
                            "-o",
                            library.toString(),
                            SOURCE.toString())
                    .inheritIO()
                    .start();
        } catch (IOException e) {
            Assumptions.abort("no driver is faked: " + e.getMessage());
            throw e;
        }
        assertThat(gcc.waitFor()).as("gcc compiles " + SOURCE).isZero();
        return "-Daegis.libcuda=" + library;
    }
}
