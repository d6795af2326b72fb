package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiled kernels in a jar that another process finds on its class path. */
class ShippedJarTest {
    private static final Variant VARIANT = Variant.of("common.cuh").with("WIDTH", 2);

    @TempDir
    Path folder;

    /** What that process does: takes a kernel without any compiler. */
    static final class Run {
        private Run() {}

        public static void main(String[] args) {
            Cubins cubins = new Cubins(new Compilers.Probe(null, "no compiler"), new CubinCache(Path.of(args[0])));
            System.out.println(cubins.source(VARIANT, args[1]) + " "
                    + new String(cubins.get(VARIANT, args[1]).code(), StandardCharsets.UTF_8));
        }
    }

    private String run(String arch, String path) throws IOException, InterruptedException {
        Process run = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        path,
                        Run.class.getName(),
                        folder.resolve("cache").toString(),
                        arch)
                .redirectErrorStream(true)
                .start();
        String said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        run.waitFor();
        return said.strip();
    }

    @Test
    void anotherProcessTakesThemWithoutACompiler() throws Exception {
        CompileJob job = CompileJob.of(VARIANT, "sm_80");
        Path jar = folder.resolve("aegis-cubins.jar");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream zip = new JarOutputStream(out)) {
            zip.putNextEntry(new JarEntry("io/aegis/kernels/cuda/cubin/" + job.key() + ".cubin"));
            zip.write(CubinFile.write(job.key(), new Cubin("shipped", "", "machine code".getBytes())));
            zip.closeEntry();
        }
        String classes = String.join(File.pathSeparator, List.of("target/test-classes", "target/classes"));
        String path = classes + File.pathSeparator + jar;
        assertThat(run("sm_80", path)).isEqualTo("SHIPPED machine code");
        assertThat(run("sm_86", path)).as("its generation runs it too").isEqualTo("SHIPPED machine code");
        assertThat(run("sm_90a", path)).contains("CudaException", "is shipped, and there is no compiler");
        assertThat(run("sm_80", classes)).as("without the jar").contains("CudaException");
    }
}
