package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine on a driver that keeps every rule and can fail in every call. */
class DriverEngineTest {
    private static final Variant ADDING = Variant.of("common.cuh").with("N", 1);
    private static final long MEMORY = 1L << 26;

    @TempDir
    Path folder;

    private FakeDriver fake;
    private Cubins cubins;
    private DriverEngine engine;

    @BeforeEach
    void open() {
        fake = FakeDriver.fresh();
        cubins = FakeDriver.cubins(folder, FakeDriver.TAKEN);
        engine = new DriverEngine(fake.driver(), 0, cubins);
    }

    @AfterEach
    void nothingLeaks() {
        if (engine == null) {
            return;
        }
        engine.close();
        engine.close();
        for (FakeDriver.Kind kind : FakeDriver.Kind.values()) {
            assertThat(fake.live(kind))
                    .as("%s left, after %s", kind, last(fake.calls()))
                    .isZero();
        }
        assertThat(fake.brokenRules())
                .as("memory freed twice or under queued work")
                .isZero();
        assertThatThrownBy(() -> engine.allocate(1)).hasMessage("cuda:0 is closed");
    }

    private static List<String> last(List<String> calls) {
        return calls.subList(Math.max(0, calls.size() - 30), calls.size());
    }

    /** After a fault the driver gives nothing back. */
    private void closeLost() {
        engine.close();
        engine = null;
    }

    private void add(String entry, long address, long n, float x, Engine.Grid grid) {
        engine.launch(
                engine.kernel(ADDING, entry),
                grid,
                Arguments.begin().pointer(address).i64(n).f32(x).packed());
    }

    private float[] floats(long address, int n) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment to = arena.allocate(ValueLayout.JAVA_FLOAT, n);
            engine.download(address, to);
            return to.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    @Test
    void properties() {
        assertThat(engine.properties())
                .isEqualTo(new Engine.Properties("Fake 0", 9, 0, 132, MEMORY, 227 << 10, 50 << 20));
        assertThat(engine.name()).isEqualTo("cuda:0");
        assertThat(engine.arch()).isEqualTo("sm_90a");
        assertThat(DriverDevice.arch(8, 0)).isEqualTo("sm_80");
        assertThat(DriverDevice.arch(8, 9)).isEqualTo("sm_89");
        assertThat(DriverDevice.arch(10, 0)).isEqualTo("sm_100a");
        assertThat(DriverDevice.arch(10, 3)).isEqualTo("sm_103");
        assertThat(DriverDevice.arch(12, 0)).isEqualTo("sm_120a");
    }

    @Test
    void computesInTheOrderOfTheCalls() {
        long p = engine.allocate(64 * Float.BYTES);
        engine.fill(p, (byte) 0, 64 * Float.BYTES);
        add("add", p, 64, 1.5f, new Engine.Grid(2, 3, 4, 128, 100));
        add("add", p, 10, 2f, Engine.Grid.of(7, 32));
        long q = engine.allocate(64 * Float.BYTES);
        engine.copy(p, q, 64 * Float.BYTES);
        add("add", p, 64, 100f, Engine.Grid.of(1, 32));
        float[] expected = new float[64];
        Arrays.fill(expected, 1.5f);
        Arrays.fill(expected, 0, 10, 3.5f);
        assertThat(floats(q, 64)).isEqualTo(expected);
        assertThat(fake.calls()).contains("  add 2 3 4 128 1 1 100 no extra", "  add 7 1 1 32 1 1 0 no extra");
    }

    @Test
    void fillsWithEveryByte() {
        long p = engine.allocate(300);
        for (int value : new int[] {0, 1, 127, 128, 255}) {
            engine.fill(p, (byte) value, 300);
            byte[] got = new byte[300];
            engine.download(p, MemorySegment.ofArray(got));
            byte[] expected = new byte[300];
            Arrays.fill(expected, (byte) value);
            assertThat(got).isEqualTo(expected);
        }
    }

    @Test
    void uploadsAreDoneWithTheCallersMemory() {
        // More than both halves of the staging memory, then many small ones, at odd sizes, each from memory that
        // changes.
        int[] sizes = {1, 63, 64, 65, 9 << 20, 3, 4 << 20, (4 << 20) + 1, 17};
        List<long[]> blocks = new ArrayList<>();
        byte[] source = new byte[9 << 20];
        for (int round = 0; round < 3; round++) {
            for (int size : sizes) {
                long p = blocks.size() < sizes.length
                        ? engine.allocate(size)
                        : blocks.get(blocks.size() % sizes.length)[0];
                Arrays.fill(source, 0, size, (byte) blocks.size());
                engine.upload(MemorySegment.ofArray(source).asSlice(0, size), p);
                blocks.add(new long[] {p, size});
            }
        }
        assertThat(fake.calls("cuStreamQuery")).as("only the downloads wait").isZero();
        for (int i = blocks.size() - sizes.length; i < blocks.size(); i++) {
            byte[] got = new byte[(int) blocks.get(i)[1]];
            engine.download(blocks.get(i)[0], MemorySegment.ofArray(got));
            byte[] expected = new byte[got.length];
            Arrays.fill(expected, (byte) i);
            assertThat(got).as("upload %d of %d bytes", i, got.length).isEqualTo(expected);
        }
        assertThat(fake.calls("cuStreamSynchronize"))
                .as("waits without a limit")
                .isZero();
    }

    @Test
    void uploadsWithoutPinnedMemory() {
        fake.fail("cuMemHostAlloc", 1, FakeDriver.OUT_OF_MEMORY);
        long p = engine.allocate(4);
        try (Arena arena = Arena.ofConfined()) {
            engine.upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 5f), p);
            assertThat(floats(p, 1)).containsExactly(5f);
            engine.upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 6f), p);
            assertThat(floats(p, 1)).containsExactly(6f);
        }
        assertThat(fake.live(FakeDriver.Kind.PINNED)).as("tried again").isEqualTo(1);
    }

    @Test
    void nothingIsDoneForNoBytes() {
        long p = engine.allocate(0);
        long before = fake.calls().size();
        engine.upload(MemorySegment.NULL, p);
        engine.download(p, MemorySegment.NULL);
        engine.copy(p, p, 0);
        engine.fill(p, (byte) 1, 0);
        assertThat(fake.calls()).hasSize((int) before);
        engine.free(p);
    }

    @Test
    void sharedMemoryBeyondTheUsualIsAskedForOnce() {
        long p = engine.allocate(4);
        // With the kernel's own kilobyte it is what every kernel may have.
        add("shared", p, 1, 1, new Engine.Grid(1, 1, 1, 32, 47 << 10));
        assertThat(fake.calls("cuFuncSetAttribute")).isZero();
        add("shared", p, 1, 1, new Engine.Grid(1, 1, 1, 32, 48 << 10));
        add("shared", p, 1, 1, new Engine.Grid(1, 1, 1, 32, 226 << 10));
        assertThat(fake.calls("cuFuncSetAttribute")).isEqualTo(1);
        // Attribute 8, all that the device has but for the kernel's own kilobyte.
        assertThat(fake.calls()).contains("  shared 8 " + (226 << 10));
        assertThatThrownBy(() -> add("shared", p, 1, 1, new Engine.Grid(1, 1, 1, 32, (226 << 10) + 1)))
                .hasMessage("shared of common.cuh [N=1] on 1 x 1 x 1 blocks of 32 threads and 231425 bytes of dynamic"
                        + " shared memory: the device has 231424 bytes of shared memory left for it");
    }

    @Test
    void wrongLaunchesAreRefusedByName() {
        long p = engine.allocate(4);
        for (Engine.Grid grid : List.of(
                new Engine.Grid(0, 1, 1, 32, 0),
                new Engine.Grid(1, 65536, 1, 32, 0),
                new Engine.Grid(1L << 31, 1, 1, 32, 0),
                new Engine.Grid(1, 1, 1, 33, 0),
                new Engine.Grid(1, 1, 1, 2048, 0),
                new Engine.Grid(1, 1, 1, 32, -1))) {
            assertThatThrownBy(() -> add("add", p, 1, 1, grid))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("add of common.cuh [N=1] on " + grid.x() + " x " + grid.y() + " x ")
                    .hasMessageMatching("(?s).*(are possible|left for it)");
        }
        assertThatThrownBy(() -> engine.launch(
                        engine.kernel(ADDING, "add"),
                        Engine.Grid.of(1, 32),
                        Arguments.begin().pointer(p).i64(1).packed()))
                .hasMessageEndingWith("its struct has 24 bytes, 16 were packed");
        assertThat(fake.calls("cuLaunchKernel")).isZero();
        add("add", p, 1, 1, Engine.Grid.of(1, 32));
    }

    @Test
    void anErrorOfALaunchNamesItAndIsNotTheEnd() {
        long p = engine.allocate(4);
        engine.fill(p, (byte) 0, 4);
        fake.fail("cuLaunchKernel", 1, 701);
        assertThatThrownBy(() -> add("add", p, 1, 1, Engine.Grid.of(5, 64)))
                .isInstanceOf(CudaException.class)
                .hasMessage("add of common.cuh [N=1] on 5 x 1 x 1 blocks of 64 threads and 0 bytes of dynamic shared"
                        + " memory on cuda:0: cuLaunchKernel: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701), another error");
        add("add", p, 1, 1, Engine.Grid.of(5, 64));
        assertThat(floats(p, 1)).containsExactly(1f);
        fake.fail("cuLaunchKernel", 1, 12345);
        assertThatThrownBy(() -> add("add", p, 1, 1, Engine.Grid.of(5, 64)))
                .hasMessageEndingWith("cuLaunchKernel: error (12345), of which this driver has no description");
    }

    @Test
    void aFaultNamesWhatWasRunning() {
        long p = engine.allocate(4);
        add("add", p, 1, 1, Engine.Grid.of(1, 32));
        engine.synchronize();
        add("fault", p, 1, 1, Engine.Grid.of(9, 32));
        assertThatThrownBy(engine::synchronize)
                .isInstanceOf(CudaException.class)
                .hasMessage("waiting on cuda:0: cuda:0 is lost, cuStreamQuery: CUDA_ERROR_ILLEGAL_ADDRESS (700),"
                        + " an illegal memory access was encountered: it was fault of common.cuh [N=1] on 9 x 1 x 1"
                        + " blocks of 32 threads and 0 bytes of dynamic shared memory. Only a new process can use it"
                        + " again; the CPU goes on");
        assertThatThrownBy(() -> engine.allocate(4)).hasMessageContaining("fault of common.cuh");
        assertThatThrownBy(() -> floats(p, 1)).hasMessageContaining("fault of common.cuh");
        assertThatThrownBy(() -> add("add", p, 1, 1, Engine.Grid.of(1, 32))).hasMessageContaining("is lost");
        engine.free(p);
        closeLost();
    }

    @Test
    void aFaultAmongManyNamesTheLastOnes() {
        long p = engine.allocate(4);
        for (int i = 1; i <= 3; i++) {
            add(i == 2 ? "fault" : "add", p, 1, 1, Engine.Grid.of(i, 32));
        }
        assertThatThrownBy(() -> floats(p, 1))
                .hasMessageContaining(
                        "it was one of the last 3 launches, the newest first: add of common.cuh [N=1] on 3")
                .hasMessageContaining("; fault of common.cuh [N=1] on 2 x 1 x 1 blocks")
                .hasMessageContaining("-Daegis.cuda.blocking=true");
        closeLost();
    }

    @Test
    void aFaultInAGraphNamesItsKernels() {
        long p = engine.allocate(4);
        Engine.Graph graph = engine.record(() -> {
            add("add", p, 1, 1, Engine.Grid.of(1, 32));
            add("fault", p, 1, 1, Engine.Grid.of(9, 32));
            add("add", p, 1, 1, Engine.Grid.of(2, 32));
        });
        graph.launch();
        assertThatThrownBy(engine::synchronize)
                .hasMessageContaining(
                        "it was a recorded graph of add of common.cuh [N=1] (2 times), fault of common.cuh"
                                + " [N=1]. Only a new process");
        graph.close();
        closeLost();
    }

    /** What a kernel of a debug build wrote down before it trapped: the barriers by name, the kernel and its launch. */
    @Test
    void aHangNamesTheBarrier() {
        engine.close();
        Variant waiting = Variant.of("defects_sm90a.cu").with("N", 1);
        System.setProperty(DebugBuild.PROPERTY, "true");
        System.setProperty(DebugBuild.SECONDS, "3");
        try {
            engine = new DriverEngine(fake.driver(), 0, cubins);
            long p = engine.allocate(4);
            engine.fill(p, (byte) 0, 4);
            add("add", p, 1, 1, Engine.Grid.of(1, 32));
            assertThat(fake.calls("cuModuleGetGlobal"))
                    .as("a kernel that waits for nothing")
                    .isZero();
            assertThat(engine.canRecord()).isFalse();
            Engine.Kernel kernel = engine.kernel(waiting, "hang");
            assertThatThrownBy(() -> engine.launch(
                            kernel,
                            Engine.Grid.of(132, 384),
                            Arguments.begin().pointer(p).i64(1).f32(1).packed()))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("cuda:0 is lost, cuStreamQuery: CUDA_ERROR_LAUNCH_FAILED (719)")
                    .hasMessageContaining(
                            "it was hang of defects_sm90a.cu [N=1] on 132 x 1 x 1 blocks of 384 threads and"
                                    + " 0 bytes of dynamic shared memory; block (3, 1, 2) hangs: warps 4, 7 wait at"
                                    + " bars.k_full[k.stage] (attention_sm90a.cu:263), a phase of parity 1; warp 8 waits at"
                                    + " barrier_of(TURN + side, 256) (attention_sm90a.cu:275), which is number 2 (the first has"
                                    + " waited longest); 1 more block hangs. Only a new process");
            assertThat(fake.calls()).contains("  limit 3000000000");
            closeLost();
        } finally {
            System.clearProperty(DebugBuild.PROPERTY);
            System.clearProperty(DebugBuild.SECONDS);
        }
    }

    @Test
    void aDebugBuildLeavesNothing() {
        engine.close();
        System.setProperty(DebugBuild.PROPERTY, "true");
        try {
            engine = new DriverEngine(fake.driver(), 0, cubins);
            engine.kernel(Variant.of("defects_sm90a.cu"), "add");
            System.setProperty(DebugBuild.SECONDS, "soon");
            assertThatThrownBy(() -> new DriverEngine(fake.driver(), 0, cubins))
                    .hasMessage("-Daegis.cuda.debug.seconds=soon: expected seconds, 1 to 99999");
        } finally {
            System.clearProperty(DebugBuild.PROPERTY);
            System.clearProperty(DebugBuild.SECONDS);
        }
    }

    @Test
    void manyLaunchesAreCounted() {
        long p = engine.allocate(4);
        for (int i = 1; i <= 20; i++) {
            add("add", p, 1, 1, Engine.Grid.of(i, 32));
        }
        // The fault comes up in a call that has nothing to do with it.
        fake.fail("cuMemAlloc", 1, FakeDriver.LAUNCH_FAILED);
        assertThatThrownBy(() -> engine.allocate(4))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining(
                        "allocating 4 bytes on cuda:0: cuda:0 is lost, cuMemAlloc: CUDA_ERROR_LAUNCH_FAILED (719)")
                .hasMessageContaining(
                        "one of the last 20 launches, of which the newest 8 are add of common.cuh [N=1] on 20 x")
                .hasMessageContaining(" on 13 x ")
                .hasMessageNotContainingAny(" on 12 x ");
        closeLost();
    }

    @Test
    void afterAFullDeviceTheEngineIsUsable() {
        long p = engine.allocate(MEMORY / 2);
        assertThatThrownBy(() -> engine.allocate(MEMORY / 2 + 1))
                .isInstanceOf(OutOfMemoryError.class)
                .hasMessage(
                        "allocating " + (MEMORY / 2 + 1) + " bytes on cuda:0, which has " + MEMORY / 2 + " of " + MEMORY
                                + " bytes free; this process holds " + MEMORY / 2
                                + " (cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory)");
        engine.free(p);
        long q = engine.allocate(MEMORY);
        engine.free(q);
        assertThat(fake.live(FakeDriver.Kind.MEMORY)).isZero();
    }

    @Test
    void theCachingAllocatorGivesUnusedBlocksBackBeforeItFails() {
        CudaKernels kernels = CudaBackend.open(fake.driver(), 0, Precision.F32, cubins);
        Buffer big = kernels.memory().acquire(MEMORY / 2);
        kernels.cuda().memory().residence(big).writing(true);
        kernels.memory().release(big);
        Buffer other = kernels.memory().acquire(MEMORY / 4 * 3);
        kernels.cuda().memory().residence(other).writing(true);
        Buffer tooMuch = kernels.memory().acquire(MEMORY / 2);
        assertThatThrownBy(() -> kernels.cuda().memory().residence(tooMuch).writing(true))
                .isInstanceOf(OutOfMemoryError.class)
                .hasMessageContaining("no memory on cuda:0 for a tensor of " + MEMORY / 2 + " bytes");
        kernels.memory().release(other);
        kernels.cuda().memory().residence(tooMuch).writing(true);
        kernels.memory().release(tooMuch);
        assertThat(kernels.memory().liveBytes()).isZero();
        kernels.close();
        assertThat(fake.live(FakeDriver.Kind.MEMORY)).isZero();
    }

    @Test
    void foreignMemoryIsNotFreed() {
        long p = engine.allocate(8);
        engine.free(p);
        assertThatThrownBy(() -> engine.free(p))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is no memory of cuda:0, or was freed already");
    }

    @Test
    void memoryIsFreedBehindQueuedWork() {
        long p = engine.allocate(4);
        add("add", p, 1, 1, Engine.Grid.of(1, 32));
        engine.free(p);
        assertThat(fake.brokenRules()).isZero();
    }

    @Test
    void timers() {
        long p = engine.allocate(4);
        Engine.Timer timer = engine.timer();
        timer.start();
        add("add", p, 1, 1, Engine.Grid.of(1, 32));
        timer.stop();
        assertThat(timer.seconds()).isCloseTo(2e-3, within(1e-6));
        timer.close();
        timer.close();
        engine.timer(); // left to the engine
    }

    @Test
    void graphs() {
        long p = engine.allocate(4);
        engine.fill(p, (byte) 0, 4);
        Engine.Graph graph = engine.record(() -> {
            add("add", p, 1, 1, Engine.Grid.of(1, 32));
            add("add", p, 1, 10, Engine.Grid.of(1, 32));
        });
        assertThat(floats(p, 1)).as("recorded, not run").containsExactly(0f);
        graph.launch();
        graph.launch();
        add("add", p, 1, 100, Engine.Grid.of(1, 32));
        graph.launch();
        assertThat(floats(p, 1)).containsExactly(133f);
        graph.launch();
        graph.close();
        assertThat(floats(p, 1)).containsExactly(144f);
        assertThat(fake.live(FakeDriver.Kind.GRAPH)).isZero();
        assertThat(fake.live(FakeDriver.Kind.STREAM)).isEqualTo(1);
        engine.record(() -> engine.fill(p, (byte) 0, 4)); // left to the engine
    }

    /** What a graph uses is nobody else's while it lives, and everybody's after. */
    @Test
    void aGraphsMemoryIsItsOwn() {
        DeviceMemory memory = new DeviceMemory(engine, new Device(Device.Kind.CUDA, 0));
        long result = memory.take(4);
        engine.fill(result, (byte) 0, 4);
        List<Long> taken = new ArrayList<>();
        Runnable work = () -> {
            for (int i = 0; i < 2; i++) {
                long scratch = memory.take(4);
                taken.add(scratch);
                engine.fill(scratch, (byte) 0, 4);
                add("add", scratch, 1, 1 + i, Engine.Grid.of(1, 32));
                engine.copy(scratch, result, 4);
                memory.give(scratch, 4);
            }
        };
        Engine.Graph graph = memory.record(work);
        assertThat(taken.get(1)).as("taken again in the same graph").isEqualTo(taken.get(0));
        memory.trim();
        long other = memory.take(4);
        assertThat(other).isNotEqualTo(taken.get(0));
        engine.fill(other, (byte) 0, 4);
        graph.launch();
        assertThat(floats(result, 1)).containsExactly(2f);
        assertThat(floats(other, 1)).as("untouched by the graph").containsExactly(0f);
        graph.close();
        graph.close();
        assertThat(memory.take(4)).as("free again").isEqualTo(taken.get(0));
        Runnable failing = () -> {
            memory.give(memory.take(1 << 20), 1 << 20);
            throw new IllegalStateException("of the work itself");
        };
        assertThatThrownBy(() -> memory.record(failing)).hasMessage("of the work itself");
        long blocks = fake.calls("cuMemAlloc");
        memory.take(1 << 20);
        assertThat(fake.calls("cuMemAlloc")).as("the failed recording's block").isEqualTo(blocks);
    }

    @Test
    void otherThreadsWorkWhileAGraphIsRecorded() throws Exception {
        long p = engine.allocate(8);
        engine.fill(p, (byte) 0, 8);
        Engine.Graph graph = engine.record(() -> {
            add("add", p, 1, 1, Engine.Grid.of(1, 32));
            Thread other = new Thread(() -> {
                add("add", p + 4, 1, 5, Engine.Grid.of(1, 32));
                engine.synchronize();
            });
            other.start();
            try {
                other.join();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        assertThat(floats(p, 2)).containsExactly(0f, 5f);
        graph.launch();
        assertThat(floats(p, 2)).containsExactly(1f, 5f);
    }

    @Test
    void whatCannotBeRecordedIsRefused() {
        long p = engine.allocate(4);
        engine.fill(p, (byte) 0, 4);
        assertThatThrownBy(() -> engine.record(() -> floats(p, 1))).hasMessageContaining("no result can be read");
        assertThatThrownBy(() -> engine.record(engine::synchronize)).hasMessageContaining("nothing to wait for");
        assertThatThrownBy(() -> engine.record(() -> engine.record(() -> {})))
                .hasMessage("a graph is being recorded on this thread already");
        assertThatThrownBy(() -> engine.record(() -> {
                    throw new IllegalStateException("of the work itself");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("of the work itself");
        fake.fail("cuGraphInstantiateWithFlags", 1, FakeDriver.OUT_OF_MEMORY);
        fake.fail("cuGraphInstantiate", 1, FakeDriver.OUT_OF_MEMORY);
        assertThatThrownBy(() -> engine.record(() -> engine.fill(p, (byte) 1, 4)))
                .isInstanceOf(OutOfMemoryError.class);
        // What is uploaded meanwhile is there at once.
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment seven = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 7f);
            engine.record(() -> engine.upload(seven, p)).close();
        }
        assertThat(floats(p, 1)).containsExactly(7f);
    }

    @Test
    void machineCodeThatTheDriverRefuses() {
        assertThatThrownBy(() -> engine.kernel(ADDING, "subtract"))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining("looking for subtract in common.cuh [N=1] on cuda:0: cuModuleGetFunction:")
                .hasMessageContaining("(500)");
        DriverEngine other = new DriverEngine(fake.driver(), 0, FakeDriver.cubins(folder, "not an image"));
        assertThatThrownBy(() -> other.kernel(ADDING, "add"))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining(
                        "loading common.cuh [N=1], made by pretended 1.0 for sm_90a, into a driver of CUDA"
                                + " 13.2 on cuda:0: cuModuleLoadData:")
                .hasMessageContaining("(200)");
        other.close();
    }

    @Test
    void aVariantIsLoadedOnce() {
        IntStream.range(0, 50).parallel().forEach(i -> engine.kernel(ADDING, i % 2 == 0 ? "add" : "shared"));
        assertThat(engine.kernel(ADDING, "add")).isSameAs(engine.kernel(ADDING, "add"));
        assertThat(fake.calls("cuModuleLoadData")).isEqualTo(1);
        assertThat(fake.calls("cuModuleGetFunction")).isEqualTo(2);
    }

    @Test
    void manyThreadsShareIt() {
        long p = engine.allocate(100 * Float.BYTES);
        engine.fill(p, (byte) 0, 100 * Float.BYTES);
        IntStream.range(0, 1000).parallel().forEach(i -> {
            add("add", p + i % 100 * Float.BYTES, 1, 1, Engine.Grid.of(1, 32));
            long q = engine.allocate(64);
            engine.upload(MemorySegment.ofArray(new float[] {i}), q);
            assertThat(floats(q, 1)).containsExactly(i);
            engine.free(q);
        });
        float[] tens = new float[100];
        Arrays.fill(tens, 10f);
        assertThat(floats(p, 100)).isEqualTo(tens);
    }

    /** They share its memory and its context; each has a stream of its own, and closing one leaves the other at work. */
    @Test
    void twoEnginesShareADevice() {
        long p = engine.allocate(4);
        engine.fill(p, (byte) 0, 4);
        try (DriverEngine other = new DriverEngine(fake.driver(), 0, cubins)) {
            long most = other.allocate(MEMORY - 1024);
            IntStream.range(0, 200).parallel().forEach(i -> {
                DriverEngine one = i % 2 == 0 ? engine : other;
                one.launch(
                        one.kernel(ADDING, "add"),
                        Engine.Grid.of(1, 32),
                        Arguments.begin()
                                .pointer(i % 2 == 0 ? p : most)
                                .i64(1)
                                .f32(0)
                                .packed());
                one.synchronize();
            });
            assertThatThrownBy(() -> engine.allocate(2048))
                    .isInstanceOf(OutOfMemoryError.class)
                    .hasMessageStartingWith("allocating 2048 bytes on cuda:0, which has 1020 of " + MEMORY
                            + " bytes free; this process holds 4 (cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2)");
        }
        add("add", p, 1, 3, Engine.Grid.of(1, 32));
        assertThat(floats(p, 1)).containsExactly(3f);
        engine.free(engine.allocate(MEMORY - 1024));
    }

    /** What is kept for reuse is given back for what kernels need themselves. */
    @Test
    void countersOfKernelsFindRoom() {
        DeviceMemory memory = new DeviceMemory(engine, new Device(Device.Kind.CUDA, 0));
        memory.give(memory.take(MEMORY), MEMORY);
        long counters = new Tickets(memory).address();
        engine.copy(counters, counters + 4, 4);
        assertThat(floats(counters + 4, 1)).containsExactly(0f);
        assertThat(memory.liveBytes()).isZero();
    }

    @Test
    void whatFailsWhileOpeningLeavesNothing() {
        engine.close();
        for (String call :
                List.of("cuDeviceGetName", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuStreamCreate")) {
            fake.fail(call, 1, 999);
            assertThatThrownBy(() -> new DriverEngine(fake.driver(), 0, cubins))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining(call + ": CUDA_ERROR_UNKNOWN (999)");
            assertThat(fake.live(FakeDriver.Kind.CONTEXT)).as(call).isZero();
        }
    }

    @Test
    void devicesThatCannotBeUsed() {
        assertThatThrownBy(() -> new DriverEngine(fake.driver(), 1, cubins))
                .hasMessage("there is no cuda:1: the driver shows one GPU, cuda:0");
        fake.set(3, 75, MEMORY);
        assertThatThrownBy(() -> new DriverEngine(fake.driver(), -1, cubins))
                .hasMessage("there is no cuda:-1: the driver shows 3 GPUs, cuda:0 to cuda:2");
        assertThatThrownBy(() -> CudaBackend.open(fake.driver(), 2, Precision.BF16, cubins))
                .isInstanceOf(CudaException.class)
                .hasMessage("cuda:2, Fake 2, has compute capability 7.5; the kernels need 8.0 (Ampere) or newer");
        assertThat(CudaBackend.devices(fake.driver()))
                .allMatch(d -> d.clock() == 1980 && d.memoryClock() == 3201)
                .extracting(DeviceReport::index, DeviceReport::name, DeviceReport::capability)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(0, "Fake 0", "7.5"),
                        org.assertj.core.groups.Tuple.tuple(1, "Fake 1", "7.5"),
                        org.assertj.core.groups.Tuple.tuple(2, "Fake 2", "7.5"));
        fake.set(0, 90, MEMORY);
        assertThat(CudaBackend.devices(fake.driver())).isEmpty();
        assertThatThrownBy(() -> new DriverEngine(fake.driver(), 0, cubins)).hasMessageEndingWith("shows no GPU");
        fake.set(1, 90, MEMORY);
    }

    /** A GPU without a kernel is none; said at once, and not by the first kernel of a run that has begun its folder. */
    @Test
    void aDeviceWithoutAnyMachineCodeIsNotOpened() {
        engine.close();
        Cubins none = new Cubins(
                new Compilers.Probe(null, "no compiler for kernels: install one"),
                new CubinCache(folder.resolve("none")));
        assertThatThrownBy(() -> CudaBackend.open(fake.driver(), 0, Precision.F32, none))
                .isInstanceOf(CudaException.class)
                .hasMessage("cuda:0, Fake 0, cannot be used: no compiler for kernels: install one");
        assertThat(fake.live(FakeDriver.Kind.CONTEXT)).as("given back").isZero();
    }

    @Test
    void probingSaysWhatIsMissing() {
        assertThat(Driver.probe(List.of("libcuda-that-is-not-here.so.1")).problem())
                .startsWith("no NVIDIA driver (libcuda-that-is-not-here.so.1 does not load): install one from");
        String nowhere = folder.resolve("libcuda.so.1").toString();
        assertThat(Driver.probe(List.of(nowhere)).problem()).startsWith("no NVIDIA driver (" + nowhere);
        assertThat(Driver.probe(List.of("libc.so.6")).problem())
                .startsWith("the NVIDIA driver does not start: libc.so.6 has no cuGetErrorName");
        fake.fail("cuInit", 1, 100);
        assertThat(Driver.probe(List.of(fake.file())).problem())
                .contains("cuInit: ", "(100)", "there is a driver, but no GPU that this process may use");
        Driver.Probe good = Driver.probe(List.of("libcuda-that-is-not-here.so.1", fake.file()));
        assertThat(good.problem()).isNull();
        assertThat(good.driver().versionText()).isEqualTo("13.2");
    }

    @Test
    void clocksMayBeUnknown() {
        fake.fail("cuDeviceGetAttribute", 6, 1); // behind five of its properties
        fake.fail("cuDeviceGetAttribute", 6, 1); // and the next, as the sixth is counted by the first plan alone
        assertThat(CudaBackend.devices(fake.driver())).singleElement().satisfies(d -> {
            assertThat(d.name()).isEqualTo("Fake 0");
            assertThat(d.clock()).isZero();
            assertThat(d.memoryClock()).isZero();
        });
    }

    @Test
    void driversTellTheirVersion() {
        assertThat(DriverReport.version(
                        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32"
                                + " UTC 2023\nGCC version:  gcc version 12.2.0\n"))
                .isEqualTo("535.129.03");
        assertThat(DriverReport.version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release"
                        + " Build  (dvs-builder)  Thu Jan 23\nGCC version:  gcc version 13.3.0 (Ubuntu 13.3.0)\n"))
                .isEqualTo("570.86.15");
        assertThat(DriverReport.version("")).isEmpty();
        assertThat(new DriverReport("libcuda.so.1", "535.129.03", "12.2"))
                .hasToString("libcuda.so.1 535.129.03 for CUDA 12.2");
        assertThat(new DriverReport("libcuda.so.1", "", "12.2")).hasToString("libcuda.so.1 for CUDA 12.2");
        assertThat(DriverReport.of(fake.driver()).cuda()).isEqualTo("13.2");
    }

    @Test
    void anOlderDriverDoesNotTellTheStruct() throws Exception {
        Driver old = new Driver(
                Library.open(FakeDriver.build("fake_cuda.c", "-DFAKE_OLD").toString()));
        assertThat(old.parameterBytes(0)).isEqualTo(-1);
    }

    /** A variant that waits, and no other, is launched so that it may begin early, by itself and in a graph. */
    @Test
    void kernelsThatWaitMayBeginEarly() {
        Variant waiting = ADDING.with(Programmatic.MACRO, 1);
        long p = engine.allocate(4 * Float.BYTES);
        engine.fill(p, (byte) 0, 4 * Float.BYTES);
        Arguments arguments = Arguments.begin().pointer(p).i64(4).f32(2);
        Engine.Grid grid = new Engine.Grid(2, 3, 4, 128, 100);
        engine.launch(engine.kernel(ADDING, "add"), grid, arguments.packed());
        assertThat(fake.calls()).doesNotContain("cuLaunchKernelEx");
        engine.launch(engine.kernel(waiting, "add"), grid, arguments.packed());
        Engine.Graph graph =
                engine.record(() -> engine.launch(engine.kernel(waiting, "add"), grid, arguments.packed()));
        graph.launch();
        graph.close();
        assertThat(floats(p, 4)).containsOnly(6);
        assertThat(fake.calls("cuLaunchKernelEx")).isEqualTo(2);
        assertThat(fake.calls("  programmatic 1")).isEqualTo(2);
        assertThat(fake.calls("  add 2 3 4 128 1 1 100 no extra")).isEqualTo(3);
    }

    @Test
    void kernelsThatWaitAreAskedFor() {
        Cuda cuda = new Cuda(engine, new DeviceMemory(engine, new Device(Device.Kind.CUDA, 0)), Precision.F32);
        assertThat(Programmatic.of(cuda, ADDING)).isEqualTo(ADDING);
        System.setProperty(Programmatic.PROPERTY, "true");
        try {
            assertThat(Programmatic.waits(Programmatic.of(cuda, ADDING))).isTrue();
            fake.reset();
            fake.set(1, 89, MEMORY);
            engine = new DriverEngine(fake.driver(), 0, cubins);
            Cuda older = new Cuda(engine, new DeviceMemory(engine, new Device(Device.Kind.CUDA, 0)), Precision.F32);
            assertThat(Programmatic.of(older, ADDING)).isEqualTo(ADDING);
        } finally {
            System.clearProperty(Programmatic.PROPERTY);
        }
    }
}
