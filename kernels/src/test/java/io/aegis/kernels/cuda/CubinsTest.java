package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where machine code is taken from: what was shipped, what is cached, a compiler; and what is said without any. */
class CubinsTest {
    private static final Variant VARIANT = Variant.of("common.cuh").with("WIDTH", 2);
    private static final Compilers.Probe NONE =
            new Compilers.Probe(null, "no compiler for kernels (as a test wants it)");

    @TempDir
    Path folder;

    @AfterEach
    void forget() {
        System.clearProperty(Cubins.FOLDER);
    }

    private Compilers.Probe compiler(String name) {
        return new Compilers.Probe(
                new Compiler() {
                    @Override
                    public String name() {
                        return name;
                    }

                    @Override
                    public String path() {
                        return "nowhere";
                    }

                    @Override
                    public Cubin compile(CompileJob job) {
                        return new Cubin(name, "", (name + " for " + job.arch()).getBytes());
                    }
                },
                null);
    }

    private Cubins cubins(Compilers.Probe probe) {
        return new Cubins(probe, new CubinCache(folder.resolve("cache")));
    }

    /** As if it had been built ahead. */
    private Path ship(String arch) throws IOException {
        System.setProperty(Cubins.FOLDER, folder.toString());
        CompileJob job = CompileJob.of(VARIANT, arch);
        Path files = Files.createDirectories(folder.resolve("io/aegis/kernels/cuda/cubin"));
        return Files.write(
                files.resolve(job.key() + ".cubin"),
                CubinFile.write(job.key(), new Cubin("shipped", "", ("shipped for " + arch).getBytes())));
    }

    private static String code(Cubin cubin) {
        return new String(cubin.code());
    }

    @Test
    void withoutACompilerTheSentenceSaysWhatWouldHelp() {
        assertThat(cubins(NONE).source(VARIANT, "sm_80")).isEqualTo(Cubins.Source.NONE);
        assertThatThrownBy(() -> cubins(NONE).get(VARIANT, "sm_80"))
                .isInstanceOf(CudaException.class)
                .hasMessage("no machine code of common.cuh [WIDTH=2] for sm_80 is shipped, and there is no compiler for"
                        + " kernels (as a test wants it)");
    }

    @Test
    void compiledOnceByEachCompiler() {
        Cubins first = cubins(compiler("one"));
        assertThat(first.source(VARIANT, "sm_80")).isEqualTo(Cubins.Source.COMPILER);
        assertThat(code(first.get(VARIANT, "sm_80"))).isEqualTo("one for sm_80");
        assertThat(first.source(VARIANT, "sm_80")).isEqualTo(Cubins.Source.CACHED);
        assertThat(first.source(VARIANT, "sm_90a")).isEqualTo(Cubins.Source.COMPILER);
        assertThat(code(cubins(compiler("two")).get(VARIANT, "sm_80"))).isEqualTo("two for sm_80");
    }

    @Test
    void whatIsShippedComesFirst() throws IOException {
        Path file = ship("sm_80");
        assertThat(code(cubins(NONE).get(VARIANT, "sm_80"))).isEqualTo("shipped for sm_80");
        assertThat(code(cubins(compiler("one")).get(VARIANT, "sm_80"))).isEqualTo("shipped for sm_80");
        assertThat(cubins(compiler("one")).source(VARIANT, "sm_80")).isEqualTo(Cubins.Source.SHIPPED);
        Files.write(file, new byte[100]);
        assertThat(code(cubins(compiler("one")).get(VARIANT, "sm_80")))
                .as("a damaged one is not used")
                .isEqualTo("one for sm_80");
    }

    @Test
    void anEarlierArchitectureOfTheGenerationServesWhereNothingCompiles() throws IOException {
        ship("sm_80");
        assertThat(code(cubins(NONE).get(VARIANT, "sm_89"))).isEqualTo("shipped for sm_80");
        assertThat(cubins(NONE).source(VARIANT, "sm_89")).isEqualTo(Cubins.Source.SHIPPED);
        assertThat(code(cubins(compiler("one")).get(VARIANT, "sm_89"))).isEqualTo("one for sm_89");
        assertThat(cubins(NONE).source(VARIANT, "sm_90a")).isEqualTo(Cubins.Source.NONE);
        assertThat(Cubins.olderOfGeneration("sm_89"))
                .startsWith("sm_88", "sm_87")
                .endsWith("sm_80");
        assertThat(Cubins.olderOfGeneration("sm_90a")).containsExactly("sm_90");
        assertThat(Cubins.olderOfGeneration("sm_103")).containsExactly("sm_102", "sm_101", "sm_100");
        assertThat(Cubins.olderOfGeneration("sm_80")).isEmpty();
    }

    @Test
    void readinessCountsEveryVariantOnce() throws IOException {
        Variant other = Variant.of("common.cuh").with("WIDTH", 3);
        Variant third = Variant.of("common.cuh").with("WIDTH", 4);
        List<Variant> all = List.of(VARIANT, other, third);
        ship("sm_80");
        Cubins one = cubins(compiler("one"));
        one.get(other, "sm_80");
        CudaBackend.Readiness r = CudaBackend.readiness(one, all, "sm_80");
        assertThat(List.of(r.shipped(), r.cached(), r.compiled(), r.missing())).containsExactly(1, 1, 1, 0);
        assertThat(r.variants()).isEqualTo(3);
        CudaBackend.Readiness none = CudaBackend.readiness(cubins(NONE), all, "sm_80");
        assertThat(List.of(none.shipped(), none.cached(), none.compiled(), none.missing()))
                .containsExactly(1, 0, 0, 2);
    }

    @Test
    void strangeNamesAreRefused() {
        assertThatThrownBy(() -> CompileJob.of(VARIANT, "compute_80"))
                .hasMessage("an architecture like sm_80 or sm_90a was expected, not compute_80");
        assertThatThrownBy(() -> CompileJob.of(Variant.of("none.cu"), "sm_80"))
                .hasMessage("there is no kernel file none.cu");
    }

    @Test
    void aBuiltFolderNeedsNoCompiler() throws IOException {
        org.junit.jupiter.api.Assumptions.assumeTrue(
                Compilers.probe().compiler() != null,
                "nothing is built: " + Compilers.probe().problem());
        List<Variant> small = List.of(VARIANT);
        Path out = folder.resolve("built");
        CubinBuild.Summary made =
                CubinBuild.build(small, List.of("sm_80", "sm_90a"), out, new CubinCache(folder.resolve("c")), s -> {});
        assertThat(made.files()).isEqualTo(2);
        Path files = out.resolve("io/aegis/kernels/cuda/cubin");
        assertThat(Files.readAllLines(files.resolve("index.tsv"))).hasSize(3);
        System.setProperty(Cubins.FOLDER, out.toString());
        Cubin got = cubins(NONE).get(VARIANT, "sm_90a");
        assertThat(got.code()).startsWith(0x7f, 'E', 'L', 'F');
        assertThat(got.compiler()).isEqualTo(made.compiler());
        CubinBuild.build(small, List.of("sm_80"), out, new CubinCache(folder.resolve("c")), s -> {});
        assertThat(cubins(NONE).source(VARIANT, "sm_90a"))
                .as("what nobody asked for now is gone")
                .isEqualTo(Cubins.Source.NONE);
    }
}
