package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is wrong in each kernel of defects.cu is found and named; and the same kernel without it passes. */
class EmulatorChecksTest {
    private static final Variant DEFECTS = Variant.of("defects.cu");
    private static final int FLOATS = 64 * 6;

    @BeforeEach
    void needsCompiler() {
        CudaTwin.engine();
    }

    private static void launch(Engine engine, String entry, int threads, int blocks, int broken) {
        long in = engine.allocate(4 * FLOATS);
        long out = engine.allocate(4 * FLOATS);
        float[] ones = new float[FLOATS];
        Arrays.fill(ones, 1);
        engine.upload(MemorySegment.ofArray(ones), in);
        engine.fill(out, (byte) 0, 4 * FLOATS);
        Arguments arguments = entry.equals("last_block")
                ? Arguments.begin().pointer(out).pointer(in).pointer(out + 128).i32(broken)
                : Arguments.begin().pointer(in).pointer(out).i32(broken).i32(FLOATS);
        try {
            engine.launch(
                    engine.kernel(DEFECTS, entry), new Engine.Grid(blocks, 1, 1, threads, 128), arguments.packed());
        } finally {
            engine.free(in);
            engine.free(out);
        }
    }

    // In the words, {code} stands for the line of the kernel that has it.
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            missing_barrier      | 64  | 1 | race: ; s shared array tile at byte; {tile[threadIdx.x] =}; {tile[63 -}; no barrier in between
            missing_warp_barrier | 32  | 1 | race: ; s dynamic shared memory at offset; {tile[lane()] =}; {tile[31 -}; no barrier in between
            double_buffer        | 64  | 1 | race: ; s shared array tiles at byte; {tile[threadIdx.x] =}; {tile[63 -}; no barrier in between
            named_barrier        | 128 | 1 | race: ; s shared array tile at byte; {tile[threadIdx.x] =}; {tile[127 -}; no barrier in between
            half_words           | 64  | 1 | race: writes shared array tile at byte; {tile[a.broken ?}, which thread; wrote {tile[a.broken ?}
            nobody_wrote         | 32  | 1 | thread 31 (warp 0, lane 31): reads shared array tile at byte 128 {a.out}, which nobody wrote
            read_beyond          | 64  | 6 | block (5, 0, 0), thread 63; reads 4 bytes; {a.in[i + a.broken]}, 0 bytes behind the end of a block of global memory of 1536
            write_beyond         | 64  | 1 | writes 4 bytes at; {a.out[i - 2}; bytes before a block of global memory of 1536
            beyond_array         | 32  | 1 | thread 31 (warp 0, lane 31): writes 4 bytes at byte 128 of shared array first, which has 128 {first[}
            beyond_dynamic       | 32  | 1 | thread 31 (warp 0, lane 31): writes 4 bytes at offset 128 of dynamic shared memory, launched with 128 {tile[}
            misaligned           | 32  | 1 | 16 bytes at; which is not aligned to them; {load16(}
            divergent_shuffle    | 32  | 1 | lane; of its warp are at; shuffle_xor (common.cuh:
            two_words            | 32  | 1 | two_words, block (0, 0, 0), thread; lane; votes {votes(}; shuffle {shuffle(}
            early_return         | 64  | 1 | lanes; of its warp; barrier(); return; {barrier()}
            half_of_block        | 128 | 1 | deadlock, no thread can go on:; warp 0: waits at barrier() {barrier()}; warp 3: has returned
            crossed_barriers     | 128 | 1 | deadlock; warp 0: waits at barrier_of(1, 128), where 64 threads are {? 1 : 2}; warp 2: waits at barrier_of(2, 128)
            late_wait            | 32  | 1 | reads shared array stages at byte; {sum += stages} while the copy to it by thread; {copy_async16} has not been waited for
            copy_of_another      | 32  | 1 | race: ; shared array tile at byte; {tile[127}; which thread; {copy_async16}
            copy_over_readers    | 32  | 1 | starts a copy to shared array tile; {copy_async16}; read {tile[127}
            rows_in_global       | 32  | 1 | loads a row at; which is not shared memory {load_matrices}
            same_place           | 32  | 2 | race: writes global memory at byte; of another block wrote {a.out}
            last_block           | 32  | 3 | race: reads global memory at byte; {sum +=}; of another block wrote {a.parts[} with no fence() and atomic in between
            in_place             | 64  | 1 | race: ; global memory at byte; {float x}; {a.out[threadIdx.x] = x}; with no barrier in between
            divides              | 32  | 1 | divides an integer by zero {7 / }
            overflows            | 32  | 1 | its local variables need more than 262144 bytes
            writes_arguments     | 32  | 1 | writes the arguments, which are read only {count = 3}
            waits_for_a_flag     | 32  | 1 | not done after 1 seconds: in a loop without end, or waiting for another block
            loops                | 32  | 1 | not done after 1 seconds: in a loop without end, or waiting for another block, of which one runs at a time {for (}
            """)
    void aDefectIsFoundAndNamed(String entry, int threads, int blocks, String words) throws IOException {
        Engine engine = new EmulatorEngine(true, 1, 1);
        launch(engine, entry, threads, blocks, 0);
        assertThatThrownBy(() -> launch(engine, entry, threads, blocks, 1))
                .isInstanceOf(CudaException.class)
                .hasMessageStartingWith(
                        "defects.cu, grid %d x 1 x 1 of %d threads: %s, block (", blocks, threads, entry)
                .hasMessageContainingAll(withLines(entry, words).split("; "));
        launch(engine, entry, threads, blocks, 0);
    }

    /** Lines of the kernel named, counted in its file. */
    private static String withLines(String entry, String words) throws IOException {
        try (InputStream in = EmulatorChecksTest.class.getResourceAsStream("defects.cu")) {
            List<String> lines = new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
            int kernel = 0;
            while (!lines.get(kernel).contains(" " + entry + ", ")) {
                kernel++;
            }
            int first = kernel;
            return Pattern.compile("\\{(.*?)}").matcher(words).replaceAll(m -> {
                int line = first + 1;
                while (!lines.get(line - 1).contains(m.group(1))) {
                    line++;
                }
                return Matcher.quoteReplacement("(defects.cu:" + line + ")");
            });
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {2, 3, 4, 5, 6, 7, 8, 9})
    void noOrderOfThreadsHidesARace(long seed) {
        Engine engine = new EmulatorEngine(true, seed, 60);
        for (String entry : List.of("missing_barrier", "double_buffer", "named_barrier", "in_place")) {
            int threads = entry.equals("named_barrier") ? 128 : 64;
            launch(engine, entry, threads, 1, 0);
            assertThatThrownBy(() -> launch(engine, entry, threads, 1, 1)).hasMessageContaining("race: ");
        }
    }

    @Test
    void anEarlierLaunchOfLargerBlocksMeansNothing() {
        for (int threads = 32; threads <= 1024; threads *= 2) {
            launch(CudaTwin.engine(), "all_read", 1024, 1, 0);
            launch(CudaTwin.engine(), "own_only", threads, 1, 0);
        }
    }

    @Test
    void aThreadMaySpinUntilAnotherHasHadItsTurn() {
        launch(CudaTwin.engine(), "spins", 64, 1, 0);
    }

    @Test
    void faultsOfUncheckedKernelsAreErrorsToo() {
        Engine engine = new EmulatorEngine(false, 1, 60);
        assertThatThrownBy(() -> engine.launch(
                        engine.kernel(DEFECTS, "missing_barrier"),
                        Engine.Grid.of(1, 64),
                        Arguments.begin().pointer(0).pointer(0).i32(0).i32(0).packed()))
                .hasMessageContaining("signal 11");
        launch(engine, "missing_barrier", 64, 1, 0);
    }

    @Test
    void withoutACompilerItSaysWhichIsMissing() {
        assertThatThrownBy(() -> new HostCompiler("g++-of-nobody"))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining("the emulator compiles kernels with g++-of-nobody, which does not run here");
    }

    @Test
    void whatIsNotInUseIsOutOfBounds() {
        Engine engine = CudaTwin.engine();
        long block = engine.allocate(2048);
        engine.fill(block, (byte) 0, 2048);
        Runnable copy = () -> engine.launch(
                engine.kernel(DEFECTS, "missing_barrier"),
                Engine.Grid.of(1, 64),
                Arguments.begin()
                        .pointer(block)
                        .pointer(block + 1024)
                        .i32(0)
                        .i32(0)
                        .packed());
        engine.use(block, 1280);
        copy.run();
        engine.use(block, 1276);
        assertThatThrownBy(copy::run).hasMessageContaining("of a block of global memory with 1276 in use");
        engine.use(block, 0);
        assertThatThrownBy(copy::run).hasMessageContaining("in a block of global memory that was given back");
        engine.use(block, 2048);
        copy.run();
        engine.free(block);
        assertThatThrownBy(copy::run).isInstanceOf(CudaException.class);
        assertThatThrownBy(() -> engine.fill(block, (byte) 0, 1)).hasMessageContaining("no block of memory holds");
    }
}
