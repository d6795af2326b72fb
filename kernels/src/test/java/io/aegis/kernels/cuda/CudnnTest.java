package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudnnAttentionGraph.Layout;
import io.aegis.kernels.cuda.CudnnAttentionGraph.Shape;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The binding on fake_cudnn.c, and beside the installed cuDNN where there is one. */
class CudnnTest {
    private static final CudnnGraph GRAPH = CudnnAttentionGraph.of(new Shape(
            false, DType.BF16, 1, 1, 1, 9, 9, 8, true, true, true, Collections.nCopies(4, new Layout(72, 72, 8))));

    /** A folder with the fake, and with something that is called cuBLASLt. */
    private static Path fake(String... options) {
        try {
            Path library = FakeDriver.build("fake_cudnn.c", options);
            Path folder = library.getParent();
            Files.copy(library, folder.resolve("libcublasLt.so.13"), StandardCopyOption.REPLACE_EXISTING);
            Files.move(library, folder.resolve("libcudnn.so.9"));
            return folder;
        } catch (IOException e) {
            Assumptions.abort("no cuDNN is faked: " + e.getMessage());
            throw new AssertionError(e);
        }
    }

    private static int call(Path folder, String function) {
        MethodHandle handle = library(folder).function(function);
        return Library.status(() -> (int) handle.invokeExact());
    }

    private static Library library(Path folder) {
        return Library.open(folder.resolve("libcudnn.so.9").toString());
    }

    private static void fail(Path folder, String function, int status) {
        MethodHandle handle = library(folder).function("fake_fail", ADDRESS, JAVA_INT);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(function);
            Library.status(() -> (int) handle.invokeExact(name, status));
        }
    }

    private static Cudnn.Found open(Path folder) {
        String before = System.setProperty(Cudnn.PROPERTY, folder.toString());
        try {
            return Cudnn.open();
        } finally {
            if (before == null) {
                System.clearProperty(Cudnn.PROPERTY);
            } else {
                System.setProperty(Cudnn.PROPERTY, before);
            }
        }
    }

    @Test
    void whyThereIsNone() throws IOException {
        assertThat(Cudnn.find("none").reason()).isEqualTo("switched off by aegis.cudnn=none");
        Path nowhere = Path.of("/nowhere");
        assertThat(Cudnn.find(nowhere.toString()).reason())
                .contains("/nowhere/libcudnn.so.9")
                .contains("does not load");
        for (int version : new int[] {90100, 91001, 100000}) {
            assertThat(Cudnn.find(fake("-DVERSION=" + version).toString()).reason())
                    .endsWith(" or newer of version 9 is bound")
                    .contains("is cuDNN " + version / 10000 + ".");
        }
        Path other = fake();
        Files.delete(other.resolve("libcudnn.so.9"));
        Files.move(FakeDriver.build("idle_cuda.c"), other.resolve("libcudnn.so.9"));
        assertThat(Cudnn.find(other.toString()).reason()).contains("has no cudnnGetVersion");
    }

    /** Without it cuDNN ends the process, so it is not asked anything. */
    @Test
    void cublasIsLookedForFirst() throws IOException {
        Path folder = fake();
        Files.delete(folder.resolve("libcublasLt.so.13"));
        String reason = Cudnn.find(folder.toString()).reason();
        Assumptions.assumeTrue(reason != null, "cuBLASLt 13 is installed here");
        assertThat(reason).endsWith("needs libcublasLt.so.13, which is not installed");
    }

    @Test
    void aPlanIsMadeAndRun() throws Exception {
        Path folder = fake();
        try (Cudnn cudnn = open(folder).library()) {
            CudnnPlan plan = CudnnPlan.of(cudnn, GRAPH);
            assertThat(plan.workspaceBytes()).isEqualTo(4096);
            int kept = call(folder, "fake_live");
            assertThat(kept % 10).as("handles").isEqualTo(1);
            plan.run(77, new long[] {1, 2}, new long[] {0x1000, 0x2000}, 0x3000);
            assertThat(call(folder, "fake_live")).as("a pack is given back").isEqualTo(kept);
            MethodHandle read = library(folder).function("fake_run", ADDRESS);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment run = arena.allocate(JAVA_LONG, 7);
                assertThat(Library.status(() -> (int) read.invokeExact(run))).isEqualTo(2);
                assertThat(run.toArray(JAVA_LONG)).containsExactly(77, 0x3000, 1, 1, 0x1000, 2, 0x2000);
            }
        }
        assertThat(call(folder, "fake_live")).as("all is given back").isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "cudnnBackendCreateDescriptor, 4003, 'creating the matmul: status 4003 of cuDNN 9.24.0, as it was told'",
        "cudnnBackendSetAttribute, 2000, 'attribute 1500 of the matmul: status 2000 of cuDNN 9.24.0, as it was told'",
        "cudnnBackendFinalize, 3000, 'finishing the execution plan: status 3000 of cuDNN 9.24.0, as it was told'",
        "cudnnBackendGetAttribute, 2000, 'reading attribute 202 of the engine heuristics: status 2000 of cuDNN 9.24.0, as it was told'",
    })
    void whatFailsSaysWhereAndLeavesNothing(String function, int status, String message) throws Exception {
        Path folder = fake();
        try (Cudnn cudnn = open(folder).library()) {
            fail(folder, function, status);
            assertThatThrownBy(() -> CudnnPlan.of(cudnn, GRAPH))
                    .isInstanceOf(CudaException.class)
                    .hasMessage(message);
            assertThat(call(folder, "fake_live")).as("but the handle").isEqualTo(1);
            call(folder, "fake_reset");
            CudnnPlan plan = CudnnPlan.of(cudnn, GRAPH);
            fail(folder, "cudnnBackendExecute", 5000);
            assertThatThrownBy(() -> plan.run(1, new long[] {1}, new long[] {1}, 1))
                    .hasMessage("cudnnBackendExecute: status 5000 of cuDNN 9.24.0, as it was told");
        }
        assertThat(call(folder, "fake_live")).isZero();
    }

    /** From a call of attention to the library's, on a driver that is faked as well; closing the kernels closes the library. */
    @Test
    void kernelsThatGoThisWayTakeIt(@TempDir Path cache) {
        Path folder = fake();
        String before = System.setProperty(Cudnn.PROPERTY, folder.toString());
        Cubins unused = FakeDriver.cubins(cache, FakeDriver.TAKEN);
        try (CudaKernels kernels = CudaBackend.open(FakeDriver.fresh().driver(), 0, Precision.BF16, unused)) {
            assertThat(CudaBackend.problem(kernels, Route.CUDNN)).isNull();
            Kernels through = CudaBackend.through(kernels, Route.CUDNN);
            View x = TestViews.random(1, DType.BF16, 2, 20, 3, 64).transpose(1, 2);
            View out = TestViews.garbage(DType.BF16, 2, 20, 3, 64).transpose(1, 2);
            View lse = TestViews.garbage(DType.F32, 2, 3, 20);
            List<String> launched = CudaBackend.launched(
                    through, () -> through.attention().forward(x, x, x, 0.125, Attention.Mask.NONE, out, lse));
            assertThat(launched).containsExactly("cudnn");
            List<String> back = CudaBackend.launched(through, () -> through.attention()
                    .backward(x, x, x, 0.125, Attention.Mask.NONE, out, lse, out, copy(x), copy(x), copy(x)));
            assertThat(back).containsExactly("cudnn");
            assertThat(call(folder, "fake_live")).isGreaterThan(1);
        } finally {
            if (before == null) {
                System.clearProperty(Cudnn.PROPERTY);
            } else {
                System.setProperty(Cudnn.PROPERTY, before);
            }
        }
        assertThat(call(folder, "fake_live")).isZero();
    }

    private static View copy(View x) {
        return TestViews.copies(new View[] {x})[0];
    }

    @Test
    void noEngineAndNoDevice() throws Exception {
        Path folder = fake("-DCONFIGURATIONS=0");
        try (Cudnn cudnn = open(folder).library()) {
            assertThatThrownBy(() -> CudnnPlan.of(cudnn, GRAPH)).hasMessage("no engine of cuDNN 9.24.0 takes it");
        }
        fail(folder, "cudnnCreate", 1001);
        assertThat(open(folder).reason()).isEqualTo("cudnnCreate: status 1001 of cuDNN 9.24.0, as it was told");
    }

    /**
     * The installed library itself, for an H200 that is not here: every graph of attention has an engine, and one that cannot have any has
     * none. Plans are not made: that takes a driver.
     */
    @Test
    void theInstalledLibraryTakesEveryGraph() throws Exception {
        String folder = System.getProperty(Cudnn.PROPERTY, "none");
        Assumptions.assumeFalse(
                folder.equals("none"), "not asked: -D" + Cudnn.PROPERTY + "=FOLDER says where a cuDNN is");
        Path driver = FakeDriver.build("idle_cuda.c").getParent();
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"));
        // Or else it is looked for in a jar that this class path has not.
        command.add("-Daegis.nvrtc=" + System.getProperty("aegis.nvrtc", "none"));
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp"));
        command.add(String.join(File.pathSeparator, "target/test-classes", "target/classes"));
        command.addAll(List.of(CudnnAcceptance.class.getName(), folder));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("LD_LIBRARY_PATH", driver.toString());
        Process run = builder.start();
        String said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(run.waitFor()).as(said).isZero();
        assertThat(said).startsWith("version 9.");
        List<String> graphs = said.lines().filter(l -> l.startsWith("able ")).toList();
        assertThat(graphs).hasSize(2 * (8 * 8 + 4));
        assertThat(graphs).allSatisfy(l -> {
            String[] words = l.split(" ", 4);
            assertThat(Integer.parseInt(words[2]) > 0).as(l).isEqualTo(Boolean.parseBoolean(words[1]));
        });
    }
}
