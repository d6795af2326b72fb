package io.aegis.cli.gpu.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.kernels.cuda.Route;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The small plan in the emulator: everything runs, by the kernels that were meant. How fast it was is not looked at. */
class BenchTest {
    private static Kernels emulator() {
        try {
            return CudaBackend.emulator(Precision.BF16);
        } catch (CudaException e) {
            Assumptions.abort("the CUDA kernels are not run: " + e.getMessage());
            throw e;
        }
    }

    private static List<Result> run(Kernels kernels, Plan plan, Set<Route> routes) {
        Bench bench = new Bench(kernels, Bench.Size.TINY);
        List<Result> results = new ArrayList<>();
        bench.run(plan.tiny(), routes, bench.ceilings(plan), name -> {}, results::add);
        return results;
    }

    @ParameterizedTest
    @EnumSource
    void everyRowOnEveryWay(Plan plan) throws Exception {
        Kernels kernels = emulator();
        try (AutoCloseable owner = (AutoCloseable) kernels) {
            List<Result> results = run(kernels, plan, EnumSet.allOf(Route.class));
            assertThat(results)
                    .hasSize(plan.tiny().stream()
                            .mapToInt(r -> r.routes().size())
                            .sum());
            for (Result r : results) {
                if (r.route().isLibrary()) {
                    assertThat(r.note()).isEqualTo("left out: a GPU's library, and this is the emulator");
                } else if (r.route() == Route.BEST && r.work().startsWith("matmul f32")) {
                    assertThat(r.note()).isEqualTo("left out: as portable, which is what a program gets");
                    assertThat(r.kernels()).contains("matmul");
                } else if (r.route() == Route.HOPPER && r.work().startsWith("attention backward")) {
                    assertThat(r.measured()).isEqualTo(r.kernels().stream().anyMatch(k -> k.endsWith("_sm90a")));
                } else {
                    assertThat(r.measured()).as(r.toString()).isTrue();
                    assertThat(r.value()).isPositive().isBetween(r.least(), r.most());
                }
            }
            assertThat(kernels.memory().liveBytes()).isZero();
        }
    }

    @Test
    void figuresNameTheKernelsTheyAreOf() throws Exception {
        Kernels kernels = emulator();
        try (AutoCloseable owner = (AutoCloseable) kernels) {
            for (Result r : run(kernels, Plan.GEMM, EnumSet.of(Route.PORTABLE, Route.HOPPER))) {
                boolean hopper = r.route() == Route.HOPPER;
                if (r.work().startsWith("convolution")) {
                    String portable = r.work().endsWith("went in") ? "input_large" : "forward_large";
                    assertThat(r.kernels()).containsExactly("pack", hopper ? "convolution_sm90a" : portable);
                } else {
                    assertThat(r.kernels()).contains(hopper ? "matmul_sm90a" : "matmul");
                }
            }
            List<Result> decode = run(kernels, Plan.DECODE, EnumSet.of(Route.BEST));
            assertThat(decode.getFirst().kernels()).containsExactly("attention_decode_matrix");
            assertThat(decode.getFirst().ceiling()).isEqualTo("the copy");
            assertThat(decode.getFirst().share()).isPositive();
            assertThat(decode.getLast().share())
                    .as("a token's bytes beside the copy")
                    .isPositive();
            assertThat(decode.getLast().memory().peak()).isPositive();
            List<Result> memory = run(kernels, Plan.MEMORY, EnumSet.of(Route.PORTABLE));
            assertThat(memory)
                    .flatExtracting(Result::kernels)
                    .contains(
                            "layer_norm",
                            "layer_norm_backward",
                            "rms_norm",
                            "rms_norm_backward",
                            "rotate",
                            "silu_gate",
                            "adam",
                            "vision_masking");
            assertThat(memory).allSatisfy(r -> assertThat(r.ceiling()).isEqualTo("the copy"));
            assertThat(memory.getLast().unit()).isEqualTo("us");
            assertThat(CudaBackend.launched(kernels, () -> {})).isEmpty();
        }
    }

    /** A way that launches another's kernels is measured with it, and told again where it is held to something else. */
    @Test
    void theSameKernelsAreHeldToTheGoalOfEachWay() throws Exception {
        Kernels kernels = emulator();
        try (AutoCloseable owner = (AutoCloseable) kernels) {
            Work work = new RowsWork(WeightType.BF16, 1, 72, 128, 1 << 16);
            Row row = new Row(work, Goal.of(1e9, 2e9), Goal.atLeast(0), List.of(Route.PORTABLE, Route.BEST));
            Bench bench = new Bench(kernels, Bench.Size.TINY);
            List<Result> results = new ArrayList<>();
            bench.run(List.of(row), EnumSet.allOf(Route.class), List.of(), name -> {}, results::add);
            assertThat(results).extracting(Result::route).containsExactly(Route.PORTABLE, Route.BEST);
            Result portable = results.getFirst();
            Result best = results.getLast();
            assertThat(portable.verdict()).isEqualTo("at least");
            assertThat(best.verdict()).startsWith("no, 0 %");
            assertThat(best.value()).isEqualTo(portable.value());
            assertThat(best.kernels()).isEqualTo(portable.kernels()).isNotEmpty();
            assertThat(best.note()).isEqualTo("measured as portable, whose kernels these are");
            assertThat(portable.note()).isEmpty();
        }
    }

    @Test
    void rivalsMayTakeTheirRoundsOneAfterAnother() {
        List<String> order = new ArrayList<>();
        Race race = new Race(Backends.scalar(), new Race.Effort(3, 0, 2, 0, 0));
        assertThat(race.oneAfterAnother(List.of(() -> order.add("a"), () -> order.add("b"))))
                .hasSize(2);
        assertThat(String.join("", order)).isEqualTo("aaaaabbbbb");
    }

    /** A recording is of one way: with ways in turn no step follows one of its own, and nothing is ever recorded. */
    @Test
    void aRecordedStepIsMeasuredOneWayAfterTheOther() throws Exception {
        DadmWork work = new DadmWork("dadm-tiny", 2, true, true);
        assertThat(work.oneAfterAnother()).isTrue();
        assertThat(new DadmWork("dadm-tiny", 2, true, false).oneAfterAnother()).isFalse();
        System.setProperty("aegis.emulator.checks", "false");
        try {
            Kernels best = emulator();
            try (AutoCloseable owner = (AutoCloseable) best;
                    ModelWork.Subject subject = work.open(best)) {
                Kernels portable = CudaBackend.through(best, Route.PORTABLE);
                assertThat(graphs(subject, portable, best, portable, portable)).containsExactly(0, 0, 0, 1);
            }
        } finally {
            System.clearProperty("aegis.emulator.checks");
        }
    }

    /** How many graphs a step of each of these launches. */
    private static List<Integer> graphs(ModelWork.Subject subject, Kernels... by) {
        return Arrays.stream(by)
                .map(k -> CudaBackend.launches(k, () -> subject.run(k)).getOrDefault("graph", 0))
                .toList();
    }

    @ParameterizedTest
    @CsvSource({
        "PORTABLE, matmul,",
        "PORTABLE, matmul_sm90a, 'kernels that not every device has took part: dense, matmul_sm90a'",
        "PORTABLE, cublasLt, 'kernels that not every device has took part: dense, cublasLt'",
        "BEST, matmul_sm90a,",
        "HOPPER, matmul_sm90a,",
        "HOPPER, matmul, no kernel of compute capability 9.0 takes it",
        "LIBRARY, cublasLt,",
        "LIBRARY, matmul, cuBLASLt does not take it",
        "CUDNN, cudnn,",
        "CUDNN, attention_forward, 'cuDNN does not take it, the log says why'",
    })
    void aFigureOfOtherKernelsIsNone(Route route, String launched, String why) {
        assertThat(Bench.wrong(route, List.of("dense", launched))).isEqualTo(why);
    }

    /** What the emulator would take long for: whole models, here on the processor. */
    @Test
    void modelsDoTheirWork() {
        for (ModelWork work : List.of(
                new DadmWork("dadm-tiny", 3, true, true),
                new DadmWork("dadm-tiny", 3, true, false),
                new DadmWork("dadm-tiny", 3, false, false),
                new PromptWork("llama-tiny", WeightType.BF16, 9),
                new AdapterWork("bunny-tiny", WeightType.BF16, 50, 0),
                new AdapterWork("bunny-tiny", WeightType.INT4, 50, 0),
                new QuestionsWork("llama-tiny", WeightType.BF16, 70, 3, 5, 4, true),
                new QuestionsWork("llama-tiny", WeightType.BF16, 70, 3, 5, 4, false),
                new TokenWork("llama-tiny", WeightType.INT8, 3, true))) {
            try (ModelWork.Subject subject = work.open(Backends.best())) {
                for (int i = 0; i < 70; i++) { // a cache is full behind 64 tokens
                    if (i < 2 || work instanceof TokenWork) {
                        subject.run(Backends.best());
                    }
                }
            }
        }
    }

    @Test
    void rivalsTakeTheirRoundsInTurn() {
        List<String> order = new ArrayList<>();
        Race race = new Race(Backends.scalar(), new Race.Effort(3, 0, 2, 0, 0));
        List<Race.Times> times = race.times(List.of(() -> order.add("a"), () -> order.add("b")));
        assertThat(times).hasSize(2).allSatisfy(t -> assertThat(t.median()).isBetween(t.least(), t.most()));
        // Two calls of each to see how long one takes, then three rounds of one call.
        assertThat(order).isEqualTo(Arrays.asList("a", "a", "b", "b", "a", "b", "a", "b", "a", "b"));
    }
}
