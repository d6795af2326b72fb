package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The emulator finds and names what is wrong in each form of defects_sm90a.cu; and without it, the sums are right. */
class HopperChecksTest {
    private static final Variant DEFECTS = Variant.of("defects_sm90a.cu");
    private static final int DEPTH = 320;
    private static final int THREADS = 128;
    private static final int SHARED = 2 * (64 + 256) * 128;
    private static final short ONE = 0x3f80;

    private static final int ROUNDS = 5;

    /** A tile of 64 rows, every other one cleared, by a factor of ones. */
    private static float[] runTurns(Engine engine, int broken) {
        long b = ones(engine, 64);
        float[] sums = new float[2 * THREADS];
        long out = engine.allocate((long) sums.length * Float.BYTES);
        try {
            Arguments arguments =
                    Arguments.begin().map(engine, map(b, 64)).pointer(out).i32(broken);
            engine.launch(
                    engine.kernel(DEFECTS, "turns"), new Engine.Grid(1, 1, 1, 384, 2 * 64 * 128), arguments.packed());
            engine.download(out, MemorySegment.ofArray(sums));
            return sums;
        } finally {
            engine.free(b);
            engine.free(out);
        }
    }

    /** One of the two, with something wrong or, with 0, nothing: then its sums are right. */
    static void launch(Engine engine, String entry, int broken) {
        boolean ring = entry.equals("ring");
        assertThat(ring ? run(engine, broken) : runTurns(engine, broken)).containsOnly(ring ? DEPTH : ROUNDS * 32);
    }

    private static float[] run(Engine engine, int broken) {
        long a = ones(engine, 64);
        long b = ones(engine, 256);
        long out = engine.allocate(THREADS * Float.BYTES);
        try {
            Arguments arguments = Arguments.begin()
                    .map(engine, map(a, 64))
                    .map(engine, map(b, 256))
                    .pointer(out)
                    .i32(broken);
            engine.launch(engine.kernel(DEFECTS, "ring"), new Engine.Grid(1, 1, 1, 256, SHARED), arguments.packed());
            float[] sums = new float[THREADS];
            engine.download(out, MemorySegment.ofArray(sums));
            return sums;
        } finally {
            engine.free(a);
            engine.free(b);
            engine.free(out);
        }
    }

    private static long ones(Engine engine, int rows) {
        short[] values = new short[rows * DEPTH];
        Arrays.fill(values, ONE);
        long at = engine.allocate((long) values.length * Short.BYTES);
        engine.upload(MemorySegment.ofArray(values), at);
        return at;
    }

    private static TensorMap map(long at, int rows) {
        long[] strides = {DEPTH, DEPTH, DEPTH};
        return new TensorMap(at, DType.BF16, new long[] {DEPTH, rows, 1, 1}, strides, new int[] {64, rows, 1, 1});
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            1 | dynamic shared memory at offset
            2 | race: starts a copy to dynamic shared memory at offset; (defects_sm90a.cu:32), which thread; read (defects_sm90a.cu:44) with no barrier in between
            3 | starts a copy to dynamic shared memory at offset; while the copy to it by thread 0 (defects_sm90a.cu:32) has not been waited for
            4 | deadlock, no thread can go on:; warp 4: lanes ffffffff wait at bar_wait (defects_sm90a.cu:41)
            5 | 40960 bytes on their way to a barrier that expects 40832 (defects_sm90a.cu:33)
            6 | deadlock, no thread can go on:; warp 0: lanes 00000001 wait at bar_wait (defects_sm90a.cu:29)
            7 | a tile to offset 512, which is no multiple of 1024 (defects_sm90a.cu:32)
            """)
    void aDefectIsFoundAndNamed(int broken, String words) {
        CudaTwin.engine();
        for (long seed = 1; seed <= 3; seed++) {
            Engine engine = new EmulatorEngine(true, seed, 60);
            assertThat(run(engine, 0)).as("nothing wrong").containsOnly(DEPTH);
            assertThatThrownBy(() -> run(engine, broken))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(words.split("; "));
        }
    }

    /** What attention has besides: factors in registers, turns, and rows that threads clear. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            1 | has other values in a factor's registers, which this product still reads; (defects_sm90a.cu:110)
            2 | race: starts a copy to dynamic shared memory at offset; which thread; read (defects_sm90a.cu:110) with no barrier in between
            3 | race: ; dynamic shared memory at offset; (defects_sm90a.cu:110); with no barrier in between
            4 | a product with no group_begin() since the last group (defects_sm90a.cu:110)
            5 | reads dynamic shared memory at offset; (defects_sm90a.cu:110), which thread; wrote (defects_sm90a.cu:91) with no proxy_fence() behind it
            6 | race: ; with no barrier in between
            7 | deadlock, no thread can go on:; waits at barrier_of(2, 256), where 128 threads are (defects_sm90a.cu:106)
            8 | is at barrier_of(; again, which nobody has left since; (defects_sm90a.cu:114)
            9 | starts a copy to dynamic shared memory at offset 0; which thread 0 wrote (defects_sm90a.cu:79) with no proxy_fence() behind it
            """)
    void aDefectOfTurnsIsFoundAndNamed(int broken, String words) {
        CudaTwin.engine();
        for (long seed = 1; seed <= 3; seed++) {
            Engine engine = new EmulatorEngine(true, seed, 60);
            assertThat(runTurns(engine, 0)).as("nothing wrong").containsOnly(ROUNDS * 32);
            assertThatThrownBy(() -> runTurns(engine, broken))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(words.split("; "));
        }
    }

    private static float[] runAdditions(Engine engine, int broken) {
        float[] values = new float[THREADS];
        Arrays.fill(values, 1);
        long from = engine.allocate(THREADS * Float.BYTES);
        long to = engine.allocate(THREADS * Float.BYTES);
        try {
            engine.upload(MemorySegment.ofArray(values), from);
            engine.upload(MemorySegment.ofArray(values), to);
            Arguments arguments = Arguments.begin().pointer(from).pointer(to).i32(broken);
            Engine.Grid grid = new Engine.Grid(1, 1, 1, THREADS, 2 * THREADS * Float.BYTES);
            engine.launch(engine.kernel(DEFECTS, "additions"), grid, arguments.packed());
            engine.download(to, MemorySegment.ofArray(values));
            return values;
        } finally {
            engine.free(from);
            engine.free(to);
        }
    }

    /** What gradients have besides: floats that come, and that are added to global memory by themselves. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            1 | reads dynamic shared memory at offset 512; (defects_sm90a.cu:158), which thread 0 wrote (defects_sm90a.cu:154) with no proxy_fence() behind it
            2 | floats in shared memory are others before they have been read for what they are added to (defects_sm90a.cu:158)
            3 | thread 0 returned before what it adds (defects_sm90a.cu:158) was read
            4 | thread 0 returned before what it adds (defects_sm90a.cu:158) was read
            5 | race: ; dynamic shared memory at offset; (defects_sm90a.cu:154); with no barrier in between
            6 | 127 floats at once: a multiple of 4 (defects_sm90a.cu:158)
            """)
    void aDefectOfAdditionsIsFoundAndNamed(int broken, String words) {
        CudaTwin.engine();
        for (long seed = 1; seed <= 3; seed++) {
            Engine engine = new EmulatorEngine(true, seed, 60);
            assertThat(runAdditions(engine, 0)).as("nothing wrong").containsOnly(1 + 2 + 3);
            assertThatThrownBy(() -> runAdditions(engine, broken))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(words.split("; "));
        }
    }
}
