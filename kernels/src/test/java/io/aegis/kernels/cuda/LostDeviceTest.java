package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Devices that fault, hang or disappear: what is said of them, and that the CPU computes on in the same process. */
class LostDeviceTest {
    private static final Variant ADDING = Variant.of("common.cuh").with("N", 1);
    private static final String ONLY_A_NEW_PROCESS = ". Only a new process can use it again; the CPU goes on";

    @TempDir
    Path folder;

    private FakeDriver fake;
    private Cubins cubins;

    @BeforeEach
    void begin() {
        fake = FakeDriver.fresh();
        cubins = FakeDriver.cubins(folder, FakeDriver.TAKEN);
    }

    /** One that gives up at once; what never ends does so in no time. */
    private DriverEngine impatient() {
        return new DriverEngine(fake.driver(new Patience(Duration.ofMillis(30))), 0, cubins);
    }

    private static void launch(Engine engine, String entry, long address, Engine.Grid grid) {
        engine.launch(
                engine.kernel(ADDING, entry),
                grid,
                Arguments.begin().pointer(address).i64(1).f32(1).packed());
    }

    private static float read(Engine engine, long address) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment to = arena.allocate(ValueLayout.JAVA_FLOAT);
            engine.download(address, to);
            return to.get(ValueLayout.JAVA_FLOAT, 0);
        }
    }

    @Test
    void aKernelThatHangsIsGivenUpAndNamed() {
        DriverEngine engine = impatient();
        long p = engine.allocate(4);
        engine.fill(p, (byte) 0, 4);
        launch(engine, "add", p, Engine.Grid.of(1, 32));
        assertThat(read(engine, p)).as("what ends is waited for").isEqualTo(1f);
        launch(engine, "endless", p, new Engine.Grid(7, 3, 1, 384, 1000));
        launch(engine, "add", p, Engine.Grid.of(2, 64));
        assertThatThrownBy(engine::synchronize)
                .isInstanceOf(CudaException.class)
                .hasMessage("waiting on cuda:0: cuda:0 is lost, it has not finished within 0.03 s and hangs, or"
                        + " -Daegis.cuda.timeout=SECONDS is too short (none waits for ever): it was one of the last 2"
                        + " launches, the newest first: add of common.cuh [N=1] on 2 x 1 x 1 blocks of 64 threads and 0"
                        + " bytes of dynamic shared memory; endless of common.cuh [N=1] on 7 x 3 x 1 blocks of 384"
                        + " threads and 1000 bytes of dynamic shared memory (-Daegis.cuda.blocking=true waits after"
                        + " every launch and names the one)" + ONLY_A_NEW_PROCESS);
        assertThatThrownBy(() -> engine.allocate(4)).hasMessageContaining("endless of common.cuh");
        engine.free(p);
        engine.close();
        engine.close();
        assertNobodyWaits();
    }

    /** Whoever waits: for a download, an upload's other half, an event, memory that is freed, a graph that is closed, the end. */
    @ParameterizedTest
    @ValueSource(strings = {"download", "upload", "timer", "free", "graph", "close"})
    void everyWaitHasAnEnd(String how) {
        DriverEngine engine = impatient();
        long p = engine.allocate(16 << 20);
        try (Engine.Timer timer = engine.timer();
                Engine.Graph graph = engine.record(() -> launch(engine, "endless", p, Engine.Grid.of(1, 32)))) {
            timer.start();
            graph.launch();
            timer.stop();
            switch (how) {
                case "download" -> assertGivenUp(() -> read(engine, p), "downloading 4 bytes");
                case "upload" ->
                    assertGivenUp(
                            () -> engine.upload(MemorySegment.ofArray(new byte[16 << 20]), p), "uploading 16777216");
                case "timer" -> assertGivenUp(timer::seconds, "reading a timer");
                case "free" -> assertGivenUp(() -> engine.free(p), "freeing memory");
                case "graph" -> graph.close();
                default -> engine.close();
            }
            if (!how.equals("close")) {
                assertThatThrownBy(() -> engine.allocate(1)).hasMessageContaining("is lost");
            }
        }
        engine.close();
        assertNobodyWaits();
    }

    private static void assertGivenUp(org.assertj.core.api.ThrowableAssert.ThrowingCallable wait, String what) {
        assertThatThrownBy(wait)
                .isInstanceOf(CudaException.class)
                .hasMessageStartingWith(what)
                .hasMessageContaining("has not finished within 0.03 s")
                .hasMessageContaining("it was a recorded graph of endless of common.cuh [N=1]");
    }

    /** No call that waits in the driver itself, where nothing can end it. */
    private void assertNobodyWaits() {
        assertThat(fake.brokenRules()).as("calls that never return").isZero();
    }

    @Test
    void patienceIsAsked() {
        String before = System.getProperty(Patience.PROPERTY);
        try {
            System.clearProperty(Patience.PROPERTY);
            assertThat(Patience.asked().limit()).isEqualTo(Duration.ofSeconds(120));
            System.setProperty(Patience.PROPERTY, "7");
            assertThat(Patience.asked().limit()).isEqualTo(Duration.ofSeconds(7));
            System.setProperty(Patience.PROPERTY, "none");
            assertThat(Patience.asked().isEndless()).isTrue();
            for (String wrong : List.of("0", "-1", "1.5", "soon", "", "100000")) {
                System.setProperty(Patience.PROPERTY, wrong);
                String words = "-Daegis.cuda.timeout=" + wrong + ": expected seconds, 1 to 99999, or none";
                assertThatThrownBy(Patience::asked).hasMessage(words);
                assertThat(Driver.probe(List.of(fake.file())).problem()).isEqualTo(words);
            }
        } finally {
            if (before == null) {
                System.clearProperty(Patience.PROPERTY);
            } else {
                System.setProperty(Patience.PROPERTY, before);
            }
        }
    }

    /** Without a limit the driver waits itself. */
    @Test
    void endlessPatienceIsTheDriversOwn() {
        DriverEngine engine = new DriverEngine(fake.driver(new Patience(null)), 0, cubins);
        long p = engine.allocate(4);
        engine.fill(p, (byte) 0, 4);
        launch(engine, "add", p, Engine.Grid.of(1, 32));
        assertThat(read(engine, p)).isEqualTo(1f);
        engine.close();
        assertThat(fake.calls("cuStreamSynchronize")).isPositive();
        assertThat(fake.calls("cuStreamQuery")).isZero();
    }

    /**
     * A device that is gone, taken by somebody else, or whose memory is broken, and what else cuda.h calls the end of a process's use of
     * it: whichever call hears of it first.
     */
    @ParameterizedTest
    @CsvSource({
        "4, CUDA_ERROR_DEINITIALIZED",
        "46, CUDA_ERROR_DEVICE_UNAVAILABLE",
        "201, CUDA_ERROR_INVALID_CONTEXT",
        "214, CUDA_ERROR_ECC_UNCORRECTABLE",
        "220, CUDA_ERROR_NVLINK_UNCORRECTABLE",
        "226, CUDA_ERROR_CONTAINED",
        "700, CUDA_ERROR_ILLEGAL_ADDRESS",
        "702, CUDA_ERROR_LAUNCH_TIMEOUT",
        "709, CUDA_ERROR_CONTEXT_IS_DESTROYED",
        "710, CUDA_ERROR_ASSERT",
        "714, CUDA_ERROR_HARDWARE_STACK_ERROR",
        "715, CUDA_ERROR_ILLEGAL_INSTRUCTION",
        "716, CUDA_ERROR_MISALIGNED_ADDRESS",
        "717, CUDA_ERROR_INVALID_ADDRESS_SPACE",
        "718, CUDA_ERROR_INVALID_PC",
        "719, CUDA_ERROR_LAUNCH_FAILED",
        "721, CUDA_ERROR_TENSOR_MEMORY_LEAK",
        "999, CUDA_ERROR_UNKNOWN"
    })
    void aDeviceThatDisappears(int code, String name) {
        for (String call : List.of("cuStreamQuery", "cuLaunchKernel", "cuMemAlloc", "cuMemsetD8Async")) {
            fake.reset();
            DriverEngine engine = new DriverEngine(fake.driver(), 0, cubins);
            long p = engine.allocate(4);
            launch(engine, "add", p, Engine.Grid.of(3, 32));
            fake.fail(call, 1, code);
            assertThatThrownBy(() -> {
                        launch(engine, "add", p, Engine.Grid.of(5, 32));
                        engine.allocate(4);
                        engine.fill(p, (byte) 0, 4);
                        read(engine, p);
                    })
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining(" on cuda:0: cuda:0 is lost, " + call + ": " + name + " (" + code + "), ")
                    .hasMessageContaining("add of common.cuh [N=1] on 3 x 1 x 1 blocks of 32 threads")
                    .hasMessageEndingWith(ONLY_A_NEW_PROCESS);
            assertThatThrownBy(() -> engine.upload(MemorySegment.ofArray(new byte[4]), p))
                    .as("what comes later")
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("cuda:0 is lost, " + call + ": " + name);
            engine.free(p);
            engine.close();
        }
    }

    /** The numbers above are all that end a device, and no others do; a wait without end is tested by itself. */
    @Test
    void otherErrorsEndNothing() {
        assertThat(DriverFaults.FATAL).hasSize(18 + 1).contains(Driver.NOT_READY);
        DriverEngine engine = new DriverEngine(fake.driver(), 0, cubins);
        for (int code : new int[] {1, 200, 400, 701, 801}) {
            fake.fail("cuMemAlloc", 1, code);
            assertThatThrownBy(() -> engine.allocate(4))
                    .isInstanceOf(CudaException.class)
                    .hasMessageStartingWith("allocating 4 bytes on cuda:0: cuMemAlloc: ")
                    .hasMessageContaining("(" + code + ")");
            engine.free(engine.allocate(4));
        }
        engine.close();
    }

    private static float[] onTheCpu() {
        View c = TestViews.garbage(DType.F32, 5, 3);
        Backends.best()
                .matmul()
                .multiply(
                        TestViews.random(1, DType.F32, 5, 7),
                        TestViews.random(2, DType.F32, 7, 3),
                        c,
                        Matmul.Epilogue.NONE);
        float[] values = c.buffer().memory().toArray(ValueLayout.JAVA_FLOAT);
        assertThat(values).as("computed").doesNotContain(Float.NaN);
        return values;
    }

    @ParameterizedTest
    @ValueSource(strings = {"fault", "endless"})
    void theCpuGoesOnAfterAFault(String entry) {
        float[] before = onTheCpu();
        CudaKernels kernels =
                CudaBackend.open(fake.driver(new Patience(Duration.ofMillis(30))), 0, Precision.F32, cubins);
        Buffer buffer = kernels.memory().acquire(1024);
        long address = kernels.cuda().memory().residence(buffer).writing(true);
        launch(kernels.cuda().engine(), entry, address, Engine.Grid.of(1, 32));
        assertThatThrownBy(buffer::memory).isInstanceOf(CudaException.class).hasMessageContaining("is lost");
        assertThat(onTheCpu()).isEqualTo(before);
        kernels.memory().release(buffer);
        kernels.close();
        assertThat(onTheCpu()).isEqualTo(before);
    }
}
