package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Threads at one engine of the emulator, and processes at one folder of its compiled kernels. */
class SharedUseTest {
    private static final int THREADS = 6;
    private static final int ROUNDS = 3;
    private static final int ROWS = 37;
    private static final int WIDTH = 40;

    /** What all threads read. */
    private record Weights(View matrix, View gamma, View beta) {
        static Weights make() {
            return new Weights(
                    TestViews.random(1, DType.F32, WIDTH, WIDTH),
                    TestViews.random(2, DType.F32, WIDTH),
                    TestViews.random(3, DType.F32, WIDTH));
        }
    }

    /** A product, a norm and back, with counters that all launches share, softmax and a sum: every result's values. */
    private static List<double[]> work(Kernels k, Weights w, int seed) {
        View x = TestViews.random(seed, DType.F32, ROWS, WIDTH);
        View y = TestViews.garbage(DType.F32, ROWS, WIDTH);
        k.matmul().multiply(x, w.matrix, y, Matmul.Epilogue.NONE);
        View normed = TestViews.garbage(DType.F32, ROWS, WIDTH);
        View mean = TestViews.garbage(DType.F32, ROWS);
        View rstd = TestViews.garbage(DType.F32, ROWS);
        k.normalization().layerNorm(y, w.gamma, w.beta, 1e-5, normed, mean, rstd);
        View dx = TestViews.garbage(DType.F32, ROWS, WIDTH);
        View dgamma = TestViews.garbage(DType.F32, WIDTH);
        View dbeta = TestViews.garbage(DType.F32, WIDTH);
        k.normalization().layerNormBackward(y, w.gamma, mean, rstd, x, dx, dgamma, dbeta);
        View shares = TestViews.garbage(DType.F32, ROWS, WIDTH);
        k.reduction().softmax(normed, shares);
        View sum = TestViews.garbage(DType.F32, 1, WIDTH);
        k.reduction().sum(shares, 0.5, false, sum);
        return Stream.of(y, normed, dx, dgamma, dbeta, shares, sum)
                .map(View::toDoubles)
                .toList();
    }

    @Test
    void threadsGetWhatOneGets() throws Exception {
        CudaKernels kernels = CudaTwin.kernels(Precision.F32);
        List<List<double[]>> alone = new ArrayList<>();
        for (int seed = 0; seed < THREADS; seed++) {
            alone.add(work(kernels, Weights.make(), 10 + seed));
        }
        assertThat(alone.get(0).get(0)).isNotEqualTo(alone.get(1).get(0)).doesNotContain(Double.NaN);
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            for (int round = 0; round < ROUNDS; round++) {
                Weights shared = Weights.make(); // nobody's copies are on the device yet
                CyclicBarrier start = new CyclicBarrier(THREADS);
                List<Callable<List<double[]>>> all = new ArrayList<>();
                for (int seed = 0; seed < THREADS; seed++) {
                    int own = 10 + seed;
                    all.add(() -> {
                        start.await();
                        return work(kernels, shared, own);
                    });
                }
                List<Future<List<double[]>>> got = threads.invokeAll(all);
                for (int seed = 0; seed < THREADS; seed++) {
                    assertThat(got.get(seed).get())
                            .as("thread %d of round %d", seed, round)
                            .usingRecursiveComparison()
                            .isEqualTo(alone.get(seed));
                }
            }
        }
    }

    /** A process that compiles what it does not find, runs it, and says what came out. */
    static final class Run {
        private Run() {}

        public static void main(String[] args) {
            try (Engine engine = new EmulatorEngine()) {
                int[] counters = new int[400];
                Arrays.setAll(counters, i -> i);
                long at = engine.allocate(4L * counters.length);
                engine.upload(MemorySegment.ofArray(counters), at);
                engine.launch(
                        engine.kernel(Variant.of("verbs.cu"), "draw"),
                        Engine.Grid.cover(100, 128),
                        Arguments.begin().i64(5).pointer(at).i32(100).packed());
                engine.download(at, MemorySegment.ofArray(counters));
                System.out.println("drawn " + Arrays.hashCode(counters));
            }
        }
    }

    private static Process start(Path cache) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-Daegis.emulator.cache=" + cache);
        command.addAll(List.of("-cp", String.join(File.pathSeparator, "target/test-classes", "target/classes")));
        command.add(Run.class.getName());
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    private static String said(Process run) throws IOException, InterruptedException {
        String words = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(run.waitFor()).as(words).isZero();
        return words;
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    /** Both compile the same at once into an empty folder; a third, later, finds whole files and takes them. */
    @Test
    void processesFillOneFolder(@TempDir Path folder) throws Exception {
        CudaTwin.engine(); // or skipped
        Path cache = folder.resolve("compiled");
        List<Process> runs = List.of(start(cache), start(cache));
        String first = said(runs.get(0));
        assertThat(first).matches("drawn -?\\d+");
        assertThat(said(runs.get(1))).isEqualTo(first);
        List<String> there = files(cache);
        assertThat(there).as("the runtime and one file of kernels").hasSize(2).allMatch(f -> f.endsWith(".so"));
        assertThat(said(start(cache))).isEqualTo(first);
        assertThat(files(cache)).isEqualTo(there);
    }
}
