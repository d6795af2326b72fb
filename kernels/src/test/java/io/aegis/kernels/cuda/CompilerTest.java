package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both compilers, where they are, on a kernel of two entries. */
class CompilerTest {
    private static final String SOURCE = """
            #include "common.cuh"
            struct Args { float* p; int n; };
            KERNEL(128, 2, turned, Args) {
                SHARED(float, s, 128);
                s[threadIdx.x] = a.p[threadIdx.x];
                barrier();
                a.p[threadIdx.x] = SCALE * s[127 - threadIdx.x];
            }
            KERNEL(128, 2, doubled, Args) { a.p[threadIdx.x] *= 2; }
            """;

    static CompileJob job(String source, String arch) {
        TreeMap<String, String> headers = new TreeMap<>();
        headers.put("common.cuh", CompileJob.resource("common.cuh"));
        Variant variant = Variant.of("turned.cu").with("SCALE", 3);
        return new CompileJob(variant, arch, source, headers, List.of("-DSCALE=3", "-std=c++17"));
    }

    /** Those of this machine, or why there is none. */
    static List<Compilers.Probe> compilers() {
        return List.of(Compilers.probe(), Compilers.nvcc());
    }

    private static Compiler present(Compilers.Probe probe) {
        Assumptions.assumeTrue(probe.compiler() != null, probe.problem());
        return probe.compiler();
    }

    @ParameterizedTest
    @MethodSource("compilers")
    void compilesForEveryArchitecture(Compilers.Probe probe) {
        Compiler compiler = present(probe);
        for (String arch : List.of("sm_80", "sm_90a", "sm_120a")) {
            Cubin cubin = compiler.compile(job(SOURCE, arch));
            assertThat(cubin.code()).as(arch).startsWith(0x7f, 'E', 'L', 'F');
            assertThat(cubin.compiler()).isEqualTo(compiler.name());
            assertThat(cubin.usage()).extracting(Usage::entry).containsExactly("doubled", "turned");
            Usage turned = cubin.usage().getLast();
            assertThat(turned.registers()).isBetween(4, 64);
            assertThat(turned.shared()).isGreaterThanOrEqualTo(512);
            assertThat(turned.spills()).isZero();
            assertThat(Usage.warnings(cubin.log())).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("compilers")
    void saysWhereAnErrorIs(Compilers.Probe probe) {
        Compiler compiler = present(probe);
        String wrong = SOURCE.replace("a.p[threadIdx.x] *= 2;", "a.q = 2;");
        assertThatThrownBy(() -> compiler.compile(job(wrong, "sm_80")))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining(compiler.name() + " does not compile turned.cu [SCALE=3] for sm_80")
                .hasMessageContaining("turned.cu(9)")
                .hasMessageContaining("q");
        assertThatThrownBy(() -> compiler.compile(job(SOURCE, "sm_10")))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining("sm_10");
    }
}
