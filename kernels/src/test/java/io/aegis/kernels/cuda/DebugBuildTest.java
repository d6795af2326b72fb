package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Kernels of a debug build: what waits too long says for what, and the usual build has nothing of it. */
class DebugBuildTest {
    private static final String SM90A = "sm_90a";
    private static final String VARIABLE = "aegis_waits";

    /** Every variant that waits at barriers of hopper.cuh. */
    private static List<Variant> watched() {
        return KernelCatalogue.variants().stream().filter(DebugBuild::isWatched).toList();
    }

    /** The same code as on a device, from the barrier's name in the source to the words of the error; a deadlock is what takes too long. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ring  | 4 | warps 4, 5, 6, 7 wait at full[s] (defects_sm90a.cu:41), a phase of parity 0
            ring  | 6 | warp 0 waits at empty[s] (defects_sm90a.cu:29), a phase of parity 0
            turns | 7 | warps 4, 5, 6, 7 wait at barrier_of(1 + side, 256) (defects_sm90a.cu:106), which is number 1
            """)
    void aMissingArrivalIsNamed(String entry, int broken, String words) {
        CudaTwin.engine();
        for (long seed = 1; seed <= 3; seed++) {
            try (EmulatorEngine engine = new EmulatorEngine(true, seed, 60, true)) {
                assertThatThrownBy(() -> HopperChecksTest.launch(engine, entry, broken))
                        .isInstanceOf(CudaException.class)
                        .hasMessageContaining("defects_sm90a.cu, grid 1 x 1 x 1 of ")
                        .hasMessageContaining(": block (0, 0, 0) hangs: ")
                        .hasMessageContaining(words)
                        .hasMessageContaining("deadlock, no thread can go on:");
                // What was written down is of one launch.
                HopperChecksTest.launch(engine, entry, 0);
            }
        }
    }

    @Test
    void nothingIsWrittenDownWhereNobodyWaits() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(Hang.BYTES, Long.BYTES);
            assertThat(Hang.read(zeros)).isEmpty();
        }
    }

    @Test
    void onlyWhatWaitsIsAnotherVariant() {
        assertThat(watched().stream().map(Variant::file).distinct())
                .containsExactlyInAnyOrder(
                        "matmul_sm90a.cu",
                        "convolution_sm90a.cu",
                        "attention_sm90a.cu",
                        "attention_key_gradients_sm90a.cu",
                        "attention_query_gradient_sm90a.cu");
        Variant waits = watched().getFirst();
        assertThat(DebugBuild.of(waits)).isEqualTo(waits.with("AEGIS_DEBUG", 1));
        assertThat(CompileJob.of(DebugBuild.of(waits), SM90A).key())
                .isNotEqualTo(CompileJob.of(waits, SM90A).key());
        Variant other = Variant.of("gemv.cu");
        assertThat(DebugBuild.of(other)).isEqualTo(other);
        assertThat(KernelCatalogue.variants())
                .as("what is built ahead, and in the table")
                .noneMatch(v -> v.defines().containsKey("AEGIS_DEBUG"));
    }

    /**
     * The first variant of every file, all of them with {@code -Daegis.kernels.matrix=full}. It may spill; but a block has to find room for
     * its shared memory, and a launch of the usual shape.
     */
    @Test
    void whatIsWatchedCompiles() {
        Compilers.Probe probe = Compilers.probe();
        Assumptions.assumeTrue(probe.compiler() != null, "kernels are not compiled: " + probe.problem());
        boolean all = System.getProperty("aegis.kernels.matrix", "").matches("full|write");
        Set<String> files = new HashSet<>();
        List<CompileJob> jobs = watched().stream()
                .filter(v -> files.add(v.file()) || all)
                .map(v -> CompileJob.of(DebugBuild.of(v), SM90A))
                .toList();
        assertThat(files).hasSize(5);
        Map<String, KernelTable.Row> usual = KernelTable.shipped().rows().stream()
                .filter(r -> r.arch().equals(SM90A))
                .collect(Collectors.toMap(r -> r.entry() + r.file() + r.macros(), Function.identity()));
        CubinBuild.compile(probe.compiler(), CubinCache.ofUser(), jobs, (job, cubin) -> {
            assertThat(holds(cubin, VARIABLE))
                    .as("%s: where the host says", job)
                    .isTrue();
            assertThat(holds(cubin, ".cu:")).as("%s: places", job).isTrue();
            for (KernelTable.Row r : KernelTable.rows(job, cubin)) {
                String macros = r.macros().replaceFirst("AEGIS_DEBUG=1 ?", "").strip();
                KernelTable.Row plain = usual.get(r.entry() + r.file() + macros);
                assertThat(plain).as("%s of %s", r.entry(), job).isNotNull();
                assertThat(r.shared()).as("%s: static shared memory", job).isEqualTo(plain.shared());
                assertThat(r.registers()).as("%s: registers", job).isLessThanOrEqualTo(168);
            }
            assertThat(cubin.log())
                    .as("%s: registers that a warpgroup gives and takes", job)
                    .doesNotContain("setmaxnreg");
        });
        CubinBuild.compile(
                probe.compiler(),
                CubinCache.ofUser(),
                List.of(CompileJob.of(watched().getFirst(), SM90A)),
                (job, cubin) -> assertThat(holds(cubin, VARIABLE) || holds(cubin, ".cu:"))
                        .as("%s: nothing of a debug build", job)
                        .isFalse());
    }

    private static boolean holds(Cubin cubin, String text) {
        return new String(cubin.code(), StandardCharsets.ISO_8859_1).contains(text);
    }
}
