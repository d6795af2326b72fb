package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.cuda.CudaDiagnosis.Line;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said of machines with a GPU, by a driver that is none, and of machines without. */
class CudaDiagnosisTest {
    private static final Variant SHIPPED = Variant.of("optimizer.cu");
    private static final Variant CACHED = Variant.of("regrad.cu");
    private static final List<Variant> VARIANTS =
            List.of(SHIPPED, CACHED, CACHED.with("N", 2), SHIPPED.with("N", 3), Variant.of("loss.cu"));
    private static final String NONE = "no compiler for kernels (neither NVRTC nor nvcc is here): " + Compilers.ADVICE;
    private static final String DEVICE = "cuda:0 Fake 0, 64 MB, compute capability 9.0, 132 multiprocessors";

    @TempDir
    Path folder;

    private FakeDriver fake;
    private Path module;

    @BeforeEach
    void open() throws IOException {
        fake = FakeDriver.fresh();
        module = Files.writeString(
                folder.resolve("version"),
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder)\n"
                        + "GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n");
    }

    private static Compiler compiler(String name) {
        return new Compiler() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public String path() {
                return "/somewhere/libnvrtc.so";
            }

            @Override
            public Cubin compile(CompileJob job) {
                return new Cubin(name, "", FakeDriver.TAKEN.getBytes());
            }
        };
    }

    private Path cache() {
        return folder.resolve("cache");
    }

    private List<Line> lines(Driver.Probe probe, Compiler compiler) {
        Compilers.Probe compilers = new Compilers.Probe(compiler, compiler == null ? NONE : null);
        Cubins cubins = new Cubins(compilers, new CubinCache(cache()));
        return new CudaDiagnosis(probe, compilers, cubins, VARIANTS, module).lines();
    }

    private List<Line> lines(Compiler compiler) {
        return lines(new Driver.Probe(fake.driver(), null), compiler);
    }

    private void ship() throws IOException {
        CompileJob job = CompileJob.of(SHIPPED, "sm_90a");
        Path file = folder.resolve("shipped").resolve(Cubins.RESOURCES.substring(1) + job.key() + ".cubin");
        Files.createDirectories(file.getParent());
        Files.write(file, CubinFile.write(job.key(), new Cubin("shipped", "", FakeDriver.TAKEN.getBytes())));
        System.setProperty(Cubins.FOLDER, folder.resolve("shipped").toString());
    }

    /** One file of kernels came along, another was compiled before, a third will be. */
    @Test
    void everyFileOfKernelsIsNamed() throws IOException {
        Compiler nvrtc = compiler("NVRTC 13.0");
        ship();
        try {
            new Cubins(new Compilers.Probe(nvrtc, null), new CubinCache(cache())).get(CACHED, "sm_90a");
            assertThat(lines(nvrtc))
                    .containsExactly(
                            new Line("gpu", DEVICE),
                            new Line("driver", fake.file() + " 580.95.05 for CUDA 13.2"),
                            new Line("nvrtc", "NVRTC 13.0, /somewhere/libnvrtc.so"),
                            new Line(
                                    "cubins",
                                    "2 of 5 variants are compiled for sm_90a; 1 came with the program, 1 are in "
                                            + cache()
                                            + ", 3 will be at first use (kernels --build sm_90a makes all ahead)"),
                            new Line("", "loss.cu       1 at first use"),
                            new Line("", "optimizer.cu  1 came with the program, 1 at first use"),
                            new Line("", "regrad.cu     1 in the cache, 1 at first use"));
            assertThat(lines((Compiler) null))
                    .as("without a compiler")
                    .contains(new Line("nvrtc", NONE))
                    .contains(new Line(
                            "cubins",
                            "1 of 5 variants are compiled for sm_90a; 1 came with the program, 0 are in " + cache()
                                    + ", 4 cannot be, see nvrtc"))
                    .endsWith(new Line("", "regrad.cu     2 missing"));
        } finally {
            System.clearProperty(Cubins.FOLDER);
        }
    }

    @Test
    void aDriverThatIsOlderThanTheCompiler() {
        fake.version(12040);
        assertThat(lines(compiler("NVRTC 13.0")))
                .contains(new Line(
                        "driver",
                        "may refuse kernels: machine code of NVRTC 13.0 needs a driver for CUDA 13.0 or newer, and this"
                                + " one is for 12.4: install a newer driver, or give the folder of libnvrtc.so.12 by"
                                + " -Daegis.nvrtc=DIR"));
        assertThat(lines(compiler("NVRTC 12.9")))
                .filteredOn(l -> l.subject().equals("driver"))
                .hasSize(1);
    }

    @Test
    void whatCannotBeUsedSaysWhy() throws IOException {
        Files.delete(module);
        fake.set(2, 75, 1 << 26);
        assertThat(lines(compiler("NVRTC 13.0")))
                .containsExactly(
                        new Line(
                                "gpu",
                                "cuda:0 Fake 0, 64 MB, compute capability 7.5, 132 multiprocessors; not used: cuda:0, Fake 0,"
                                        + " has compute capability 7.5; the kernels need 8.0 (Ampere) or newer"),
                        new Line(
                                "gpu",
                                "cuda:1 Fake 1, 64 MB, compute capability 7.5, 132 multiprocessors; not used: cuda:1, Fake 1,"
                                        + " has compute capability 7.5; the kernels need 8.0 (Ampere) or newer"),
                        new Line("driver", fake.file() + " for CUDA 13.2, " + module + " does not tell its version"),
                        new Line("nvrtc", "NVRTC 13.0, /somewhere/libnvrtc.so"));
        fake.set(0, 90, 1 << 26);
        assertThat(lines(compiler("NVRTC 13.0")).getFirst().text())
                .startsWith("not used: the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES");
        fake.fail("cuDriverGetVersion", 1, 999);
        assertThat(lines(compiler("NVRTC 13.0"))).anySatisfy(l -> assertThat(l.text())
                .startsWith(fake.file() + " does not answer: cuDriverGetVersion: CUDA_ERROR_UNKNOWN (999)"));
    }

    @Test
    void withoutADriver() {
        Driver.Probe none = Driver.probe(List.of("libcuda-that-is-not-here.so.1"));
        assertThat(lines(none, null))
                .containsExactly(new Line("gpu", "not used: " + none.problem()), new Line("nvrtc", NONE));
        assertThat(none.problem()).contains("install one from nvidia.com/drivers");
    }

    @Test
    void librariesAreFoundOrToldHowToGet() throws IOException {
        String empty = folder.resolve("empty").toString();
        List<Line> missing = CudaDiagnosis.libraries(CublasLt.look(empty), Cudnn.find(empty));
        assertThat(missing.get(0))
                .isEqualTo(new Line(
                        "cublaslt",
                        "not used: not installed, our own kernels compute all products; libcublasLt.so.13 or .12 comes with"
                                + " NVIDIA's toolkit, and -Daegis.cublas=DIR names its folder"));
        assertThat(missing.get(1).subject()).isEqualTo("cudnn");
        assertThat(missing.get(1).text())
                .startsWith("not used: ")
                .endsWith(
                        "; nothing needs it, cuDNN 9 is among NVIDIA's packages, and -Daegis.cudnn=DIR names its folder");
        CublasLt.Look off = CublasLt.look("none");
        assertThat(CudaDiagnosis.libraries(off, Cudnn.find(empty)).get(0).text())
                .isEqualTo("not used: switched off by aegis.cublas=none, our own kernels compute all products");

        Path file = folder.resolve("libcublasLt.so.13");
        Files.writeString(file, "no library");
        assertThat(CublasLt.look(folder.toString()).reason()).startsWith(file + " does not load");
        Files.copy(Path.of(fake.file()), file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThat(CublasLt.look(folder.toString()).reason()).startsWith(file + " has no cublasLtCreate");
        Path whole = FakeDriver.build("fake_cuda.c", "-DFAKE_CUBLAS");
        Path libraries = Files.createDirectory(folder.resolve("libraries"));
        Files.copy(whole, libraries.resolve("libcublasLt.so.12"));
        assertThat(CudaDiagnosis.libraries(CublasLt.look(libraries.toString()), Cudnn.find(empty))
                        .get(0)
                        .text())
                .isEqualTo(libraries.resolve("libcublasLt.so.12") + ", for large products in 16 bits");
    }
}
