package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Recording;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Recorded work over buffers that the host and the device share, in the emulator, which runs every launch with the bytes it was recorded with. */
class CudaGraphTest {
    private CudaKernels kernels;
    private View x;
    private View y;
    private Buffer between;

    @BeforeEach
    void open() {
        CudaTwin.engine();
        kernels = new CudaKernels(new EmulatorEngine(), new Device(Device.Kind.CUDA, 0), Precision.F32);
        x = TestViews.of(DType.F32, new long[] {2}, 1, 2);
        y = TestViews.zeros(DType.F32, 2);
        between = kernels.memory().acquire(8);
    }

    @AfterEach
    void close() {
        kernels.memory().release(between);
        assertThat(kernels.memory().liveBlocks()).isZero();
        kernels.close();
    }

    /** y = (3 x + 1)^2 by way of memory that is made and given back on the way. */
    private void work() {
        Buffer inside = kernels.memory().acquire(8);
        View z = View.of(inside, DType.F32, 2);
        View square = View.of(between, DType.F32, 2);
        kernels.elementwise().affine(x, 3, 1, z);
        kernels.elementwise().binary(Elementwise.Binary.MULTIPLY, z, z, square);
        kernels.elementwise().copy(square, y);
        kernels.memory().release(inside);
    }

    @Test
    void aRecordingDoesItAllAgainWithWhatIsThereThen() {
        work();
        assertThat(y.toDoubles()).containsExactly(16, 49);
        y.set(0, 0);
        Recording recording = kernels.record(this::work);
        x.set(2, 0);
        for (int i = 0; i < 3; i++) {
            x.set(i, 1);
            y.set(-1, 0); // the host's own is overwritten as well
            assertThat(CudaBackend.launched(kernels, recording::launch)).containsExactly("graph");
            assertThat(y.toDoubles()).as("launch %d", i).containsExactly(49, Math.pow(3 * i + 1, 2));
            assertThat(View.of(between, DType.F32, 2).get(1)).isEqualTo(Math.pow(3 * i + 1, 2));
        }
        recording.close();
        recording.close();
    }

    @Test
    void nothingHappensWhileItIsRecordedAndNothingIsTakenWhenItRuns() {
        work();
        double[] before = y.toDoubles();
        x.set(5, 0);
        Recording recording = kernels.record(this::work);
        kernels.memory().resetPeak();
        long live = kernels.memory().liveBytes();
        // What others take meanwhile is none of the graph's.
        Buffer other = kernels.memory().acquire(8);
        View others = View.of(other, DType.F32, 2);
        kernels.elementwise().fill(others, 7);
        assertThat(before).containsExactly(16, 49);
        recording.launch();
        recording.launch();
        assertThat(y.toDoubles()).containsExactly(256, 49);
        assertThat(others.toDoubles()).containsExactly(7, 7);
        kernels.memory().release(other);
        assertThat(kernels.memory().peakBytes()).as("one block of others").isEqualTo(live + 512);
        recording.close();
        recording.close();
    }

    @Test
    void whatTheHostWouldComputeIsRefusedAndNothingIsLost() {
        work();
        View wide = TestViews.of(DType.F64, new long[] {2}, 3, 4);
        View result = TestViews.zeros(DType.F64, 2);
        Runnable onTheHost = () -> kernels.elementwise().activate(Activation.RELU, wide, result);
        assertThatThrownBy(() ->
                        kernels.record(() -> kernels.elementwise().affine(TestViews.zeros(DType.F32, 2), 1, 1, y)))
                .isInstanceOf(CudaException.class)
                .hasMessage(
                        "a graph is being recorded on cuda:0, and a buffer of the host of 8 bytes comes up for the first"
                                + " time: its content would stay what it is now");
        assertThatThrownBy(() -> kernels.record(() -> x.set(1, 0)))
                .hasMessage(
                        "a graph is being recorded on cuda:0, and the host asks to write 8 bytes: it would not do so again"
                                + " when the graph runs");
        assertThatThrownBy(() -> kernels.record(() -> {
                    work();
                    y.get(0);
                }))
                .hasMessageEndingWith("no result can be read before it has run");
        assertThatThrownBy(() -> kernels.record(kernels::synchronize)).hasMessageEndingWith("nothing to wait for");
        assertThatThrownBy(() -> kernels.record(() -> kernels.record(this::work)))
                .hasMessage("a graph is being recorded on this thread already");
        onTheHost.run();
        work();
        assertThat(y.toDoubles()).containsExactly(16, 49);
    }

    @Test
    void memoryThatIsGoneIsNotUsed() {
        work();
        Recording recording = kernels.record(this::work);
        y.buffer().discardMirror();
        assertThatThrownBy(recording::launch)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("a graph uses a buffer of 8 bytes of cuda:0 that has been given back since");
        recording.close();
        Buffer early = kernels.memory().acquire(8);
        kernels.elementwise().fill(View.of(early, DType.F32, 2), 0);
        Recording dangling = kernels.record(() -> {
            kernels.elementwise().copy(View.of(between, DType.F32, 2), View.of(early, DType.F32, 2));
            kernels.memory().release(early);
        });
        assertThatThrownBy(dangling::launch).hasMessageEndingWith("has been given back since");
        dangling.close();
        assertThatThrownBy(() -> kernels.record(() -> {
                    throw new IllegalStateException("of the work itself");
                }))
                .hasMessage("of the work itself");
    }

    @Test
    void aGraphsBlocksAreTakenFromThoseThatAreFree() {
        work();
        long all = kernels.memory().liveBytes();
        long[] first = {0};
        kernels.record(() -> {
                    Cuda.Scratch scratch = kernels.cuda().scratch();
                    first[0] = scratch.take(1 << 16);
                    scratch.close();
                })
                .close();
        try (Cuda.Scratch scratch = kernels.cuda().scratch()) {
            assertThat(scratch.take(1 << 16))
                    .as("closed, its blocks are everybody's")
                    .isEqualTo(first[0]);
        }
        Recording recording = kernels.record(() -> {
            try (Cuda.Scratch scratch = kernels.cuda().scratch()) {
                assertThat(scratch.take(1 << 16)).isEqualTo(first[0]);
            }
        });
        assertThat(kernels.memory().liveBytes()).as("kept between launches").isEqualTo(all + (1 << 16));
        kernels.memory().resetPeak();
        try (Cuda.Scratch scratch = kernels.cuda().scratch()) {
            assertThat(scratch.take(1 << 16)).as("open, they are not").isNotEqualTo(first[0]);
        }
        assertThat(kernels.memory().peakBytes()).as("beside what is kept").isEqualTo(all + (2 << 16));
        recording.close();
        assertThat(kernels.memory().liveBytes()).isEqualTo(all);
    }

    /** The error of a kernel comes up when the graph runs, and names it. */
    @Test
    void aFaultNamesTheKernel() {
        Engine engine = kernels.cuda().engine();
        long in = engine.allocate(256);
        long out = engine.allocate(256);
        engine.upload(MemorySegment.ofArray(new float[64]), in);
        Engine.Kernel kernel = engine.kernel(Variant.of("defects.cu"), "write_beyond");
        Arguments arguments = Arguments.begin().pointer(in).pointer(out).i32(1).i32(64);
        Engine.Graph graph =
                engine.record(() -> engine.launch(kernel, new Engine.Grid(1, 1, 1, 64, 128), arguments.packed()));
        Arguments.begin().pointer(0).pointer(0).i32(0).i32(0); // the thread's next launch
        assertThatThrownBy(graph::launch)
                .isInstanceOf(CudaException.class)
                .hasMessageStartingWith("defects.cu")
                .hasMessageContaining("writes 4 bytes at");
        graph.close();
        List.of(in, out).forEach(engine::free);
    }

    @Test
    void graphsCanBeSwitchedOff() {
        assertThat(kernels.canRecord()).isTrue();
        System.setProperty("aegis.cuda.graph", "false");
        try {
            assertThat(kernels.canRecord()).isFalse();
        } finally {
            System.clearProperty("aegis.cuda.graph");
        }
    }
}
