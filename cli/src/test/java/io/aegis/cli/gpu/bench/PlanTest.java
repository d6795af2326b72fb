package io.aegis.cli.gpu.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.cli.gpu.bench.ProductWork.Layout;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.kernels.cuda.Route;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What is measured, counted and asked, without a GPU: numbers here are worked out by hand. */
class PlanTest {
    private static Row row(Plan plan, String name) {
        return plan.rows().stream()
                .filter(r -> r.work().name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name + " is not among "
                        + plan.rows().stream().map(r -> r.work().name()).toList()));
    }

    /** The project's list of goals for an H200, row by row. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    ATTENTION | attention bf16, head 128, 4096 tokens, 4 x 16 heads                  | 560  | 660  | 549.755813888e9
                    ATTENTION | attention bf16, head 128, 4096 tokens, 4 x 16 heads, causal          | 460  | 560  | 274.877906944e9
                    ATTENTION | attention bf16, head 64, 4096 tokens, 4 x 32 heads                   | 400  | 480  | 549.755813888e9
                    ATTENTION | attention bf16, head 72, 4096 tokens, 4 x 16 heads                   | 340  | 440  | 309.237645312e9
                    ATTENTION | attention backward bf16, head 128, 4096 tokens, 4 x 16 heads         | 400  | 530  | 1374.38953472e9
                    ATTENTION | attention backward bf16, head 128, 4096 tokens, 4 x 16 heads, causal | 320  | 440  | 687.19476736e9
                    GEMM      | matmul bf16 x W^T, 4096                                              | 600  | 760  | 137.438953472e9
                    GEMM      | matmul bf16 x W^T, 8192                                              | 650  | 800  | 1099.511627776e9
                    GEMM      | matmul bf16 x W, 8192                                                | 650  | 800  | 1099.511627776e9
                    GEMM      | matmul bf16 x^T W, 8192                                              | 650  | 800  | 1099.511627776e9
                    DECODE    | decode attention bf16, 8 key heads of 32, 8192 tokens, batch 2       | 0.85 | 0.92 | 67108864
                    DECODE    | decode attention bf16, 8 key heads of 32, 8192 tokens, batch 8       | 0.85 | 0.92 | 268435456
                    DECODE    | rows bf16 W^T 14336 x 4096, rows 1                                   | 0.88 | 0.92 | 117440512
                    DECODE    | rows int8 W^T 14336 x 4096, rows 1                                   | 0.80 | 0.88 | 62390272
                    DECODE    | rows int4 W^T 14336 x 4096, rows 1                                   | 0.70 | 0.82 | 33030144
                    DECODE    | llama-3-8b, bf16, a token behind 1522                                | 230  | 263  | 1
                    DECODE    | llama-3-8b, int8, a token behind 1522                                | 400  | 490  | 1
                    DECODE    | llama-3-8b, int4, a token behind 1522                                | 600  | 820  | 1
                    MODELS    | bunny-llama3-8b, bf16, RGB and SAV, first token of a prompt of 1522  | 90   | 45   | 1
                    MODELS    | dadm-b16, forward, batch 64                                          | 43   | 21.5 | 1
                    MODELS    | dadm-b16, training step, batch 16                                    | 581  | 387.3333333333333 | 1
                    """)
    void everyGoalHasItsRow(Plan plan, String name, double atLeast, double aim, double amount) {
        Row row = row(plan, name);
        assertThat(row.goal().atLeast()).isEqualTo(atLeast);
        assertThat(row.goal().aim()).isEqualTo(aim);
        assertThat(row.goal().share()).isEqualTo(atLeast < 1);
        assertThat(row.work().amount()).isEqualTo(amount);
    }

    /** The project's list of goals for the kernels that every device has, on an H200; they are measured where there are others too. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    ATTENTION | attention bf16, head 128, 4096 tokens, 4 x 16 heads            | 300  | 549.755813888e9
                    ATTENTION | attention bf16, head 64, 4096 tokens, 4 x 32 heads             | 270  | 549.755813888e9
                    ATTENTION | attention bf16, head 72, 4096 tokens, 4 x 16 heads             | 240  | 309.237645312e9
                    ATTENTION | attention backward bf16, head 128, 4096 tokens, 4 x 16 heads   | 200  | 1374.38953472e9
                    GEMM      | matmul bf16 x W^T, 8192                                        | 400  | 1099.511627776e9
                    GEMM      | matmul bf16 x W, 8192                                          | 400  | 1099.511627776e9
                    GEMM      | matmul bf16 x^T W, 8192                                        | 400  | 1099.511627776e9
                    DECODE    | decode attention bf16, 8 key heads of 32, 8192 tokens, batch 2 | 0.75 | 67108864
                    DECODE    | decode attention bf16, 8 key heads of 32, 8192 tokens, batch 8 | 0.75 | 268435456
                    DECODE    | rows bf16 W^T 14336 x 4096, rows 1                             | 0.75 | 117440512
                    DECODE    | llama-3-8b, bf16, a token behind 1522                          | 200  | 1
                    MEMORY    | layer norm f32, 16384 x 4096                                   | 0.80 | 536870912
                    MEMORY    | layer norm backward f32, 16384 x 4096                          | 0.80 | 805306368
                    MEMORY    | RMS norm f32, 16384 x 4096                                     | 0.80 | 536870912
                    MEMORY    | RMS norm backward f32, 16384 x 4096                            | 0.80 | 805306368
                    MEMORY    | rotary f32, 16384 x 4096                                       | 0.80 | 536870912
                    MEMORY    | SiLU gate f32, 16384 x 4096                                    | 0.80 | 805306368
                    MEMORY    | SiLU gate backward f32, 16384 x 4096                           | 0.80 | 1342177280
                    MEMORY    | Adam f32, 16384 x 4096                                         | 0.80 | 1879048192
                    MEMORY    | vision masking f32, 1458 x 4096, one picture                   | 12   | 1
                    MODELS    | dadm-b16, training step, batch 16                              | 1162 | 1
                    """)
    void everyPortableGoalHasItsRow(Plan plan, String name, double atLeast, double amount) {
        Row row = row(plan, name);
        assertThat(row.routes()).contains(Route.PORTABLE);
        Goal goal = row.goal(Route.PORTABLE);
        assertThat(goal.atLeast()).isEqualTo(atLeast);
        assertThat(goal.share()).isEqualTo(atLeast < 1);
        assertThat(goal.aim()).isNaN();
        assertThat(row.work().amount()).isEqualTo(amount);
    }

    @Test
    void aWayHasItsOwnGoal() {
        Row row = row(Plan.ATTENTION, "attention bf16, head 128, 4096 tokens, 4 x 16 heads");
        assertThat(row.goal(Route.HOPPER)).isEqualTo(row.goal(Route.BEST)).isEqualTo(Goal.of(560, 660));
        assertThat(row.goal(Route.PORTABLE)).isEqualTo(Goal.atLeast(300));
        assertThat(row.goal(Route.CUDNN)).isEqualTo(row.goal(Route.LIBRARY)).isEqualTo(Goal.NONE);
        Row causal = row(Plan.ATTENTION, "attention bf16, head 128, 4096 tokens, 4 x 16 heads, causal");
        assertThat(causal.goal(Route.PORTABLE)).as("nothing is asked of it").isEqualTo(Goal.NONE);
    }

    private static long goals(Predicate<Row> has) {
        return Arrays.stream(Plan.values())
                .flatMap(p -> p.rows().stream())
                .filter(has)
                .count();
    }

    @Test
    void noOtherGoals() {
        assertThat(goals(r -> r.goal().exists())).isEqualTo(21);
        assertThat(goals(r -> r.portable().exists())).isEqualTo(21);
        assertThat(goals(r -> r.portable().exists() && !r.routes().contains(Route.PORTABLE)))
                .as("of what is not measured")
                .isZero();
        assertThat(row(Plan.MODELS, "dadm-b16, training step, batch 16")
                        .portable()
                        .source())
                .startsWith("PyTorch's eager float32 on an H200");
        assertThat(row(Plan.MODELS, "dadm-b16, training step, batch 16").goal().source())
                .as("no more is known than this")
                .startsWith("PyTorch's eager float32 on an H200");
    }

    /** A token of an 8B model reads what its name says; a prompt's operations are two for each weight and token, and attention. */
    @Test
    void loadsOfModels() {
        Work token = row(Plan.DECODE, "llama-3-8b, bf16, a token behind 1522").work();
        double blocks = 32 * (2.0 * 4096 * 4096 + 2.0 * 4096 * 1024 + 3.0 * 4096 * 14336);
        double head = 4096.0 * 128256;
        assertThat(token.load()).isEqualTo(2 * (blocks + head));
        assertThat(token.bound()).isEqualTo(Unit.GIGABYTES);
        Work int4 = row(Plan.DECODE, "llama-3-8b, int4, a token behind 1522").work();
        assertThat(int4.load()).isEqualTo(0.5625 * blocks + 1.0625 * head);
        Work prompt = row(Plan.MODELS, "llama-3-8b, bf16, prompt of 1522").work();
        double attention = 4 * 32.0 * 4096 * 1522 * 1523 / 2;
        assertThat(prompt.load()).isCloseTo(2 * blocks * 1522 + attention + 2 * head, within(1e3));
        Work first = row(Plan.MODELS, "bunny-llama3-8b, bf16, RGB and SAV, first token of a prompt of 1522")
                .work();
        // Two pictures of 26 blocks, 729 tokens of 1152 through an MLP of 4304, and 1458 tokens through the projector.
        double block = 2.0 * 729 * (4 * 1152.0 * 1152 + 2 * 1152.0 * 4304) + 4 * 729.0 * 729 * 1152;
        double patches = 2.0 * 729 * 1152 * 3 * 14 * 14;
        double projector = 2.0 * 1458 * (1152.0 * 4096 + 4096.0 * 4096);
        assertThat(first.load()).isCloseTo(prompt.load() + 2 * (26 * block + patches) + projector, within(1e3));
        assertThat(first.bound()).isEqualTo(Unit.TERAFLOPS);
    }

    /** What is asked of memory is asked of the plan that a person reads, which is within it: 24.45 GB and 14.03 GB without a context. */
    @Test
    void memoryOfAdapters() {
        String row = " base, training step of adapters of rank 128, one sequence of 1640";
        for (WeightType type : List.of(WeightType.BF16, WeightType.INT4)) {
            Work work = row(Plan.MODELS, "bunny-llama3-8b, " + type + row).work();
            AdapterWork adapters = (AdapterWork) work;
            Footprint foreseen = adapters.foreseen(Backends.scalar());
            assertThat(foreseen.asked()).isEqualTo(type == WeightType.BF16 ? 26_000_000_000L : 15_000_000_000L);
            assertThat(foreseen.planned()).isLessThan(foreseen.asked()).isGreaterThan(foreseen.asked() * 9 / 10);
            // 1640 tokens through the blocks there and back, 181 of them through the vocabulary, and the adapters.
            double blocks = 32 * (2.0 * 4096 * 4096 + 2.0 * 4096 * 1024 + 3.0 * 4096 * 14336);
            double attention = 2 * 32.0 * 4096 * 1640 * 1641;
            double adapted = 32 * 128.0 * (2 * 8192 + 2 * 5120 + 3 * 18432);
            double vocabulary = 4.0 * 4096 * 128256 * 181;
            assertThat(work.load())
                    .isCloseTo(4 * blocks * 1640 + 3.5 * attention + 6 * adapted * 1640 + vocabulary, within(1e4));
        }
    }

    @ParameterizedTest
    @EnumSource
    void rowsAreOfTheirOwn(Plan plan) {
        for (List<Row> rows : List.of(plan.rows(), plan.tiny())) {
            assertThat(rows.stream().map(r -> r.work().name())).doesNotHaveDuplicates();
            for (Row r : rows) {
                assertThat(r.routes()).isNotEmpty().doesNotHaveDuplicates();
                boolean library = r.routes().contains(Route.LIBRARY);
                assertThat(library).as(r.work().name()).isEqualTo(r.work() instanceof ProductWork);
                boolean cudnn = r.routes().contains(Route.CUDNN);
                assertThat(cudnn).as(r.work().name()).isEqualTo(r.work() instanceof AttentionWork);
            }
        }
        List<String> kinds = plan.rows().stream()
                .map(Row::work)
                .filter(KernelWork.class::isInstance)
                .map(w -> w.getClass().getSimpleName())
                .distinct()
                .toList();
        assertThat(plan.tiny().stream().map(r -> r.work().getClass().getSimpleName()))
                .as("the small plan leaves no kind of kernel out")
                .containsAll(kinds);
    }

    /** No cache of a device holds what calls in turn read: 60 MB is the largest there is. */
    @Test
    void weightsAndCachesAreReadFromMemory() {
        List<Double> walked = new ArrayList<>();
        for (Row r : Plan.DECODE.rows()) {
            walked.add(
                    switch (r.work()) {
                        case RowsWork w -> w.matrices() * w.amount();
                        case CacheWork w -> w.caches() * w.amount();
                        default -> null;
                    });
        }
        assertThat(walked.stream().filter(Objects::nonNull))
                .hasSize(7)
                .allSatisfy(bytes -> assertThat(bytes).isGreaterThan(5e8).isLessThan(1e9));
    }

    @Test
    void figuresOfTimes() {
        assertThat(Unit.TERAFLOPS.figure(ProductWork.square(4096, Layout.X_WT).amount(), 0.2e-3))
                .isEqualTo(687.19476736, within(1e-9));
        assertThat(Unit.GIGABYTES.figure(67108864, 1e-5)).isCloseTo(6710.8864, within(1e-6));
        assertThat(Unit.TOKENS.figure(1, 0.004)).isEqualTo(250);
        assertThat(Unit.MILLISECONDS.figure(1, 0.09)).isCloseTo(90, within(1e-9));
        assertThat(Unit.MICROSECONDS.figure(1, 12e-6)).isCloseTo(12, within(1e-9));
        assertThat(new RowsWork(WeightType.INT4, 1, 14336, 4096, 0).matrices()).isEqualTo(1);
    }

    /** A gate is two products; an adapter's is one of 128 more steps of K. */
    @Test
    void operationsOfFusedProducts() {
        String shape = "matmul f32 activations x bf16 W^T, 1522 x ";
        assertThat(row(Plan.GEMM, shape + "14336 x 4096 twice, SiLU gate")
                        .work()
                        .amount())
                .isEqualTo(2 * row(Plan.GEMM, shape + "14336 x 4096").work().amount());
        assertThat(row(Plan.GEMM, shape + "4096 x 4096, and rank 128").work().amount())
                .isEqualTo(2.0 * 1522 * 4096 * 4224);
        assertThat(row(Plan.GEMM, shape + "4096 x 14336, and a residual").work().amount())
                .isEqualTo(2.0 * 1522 * 4096 * 14336);
    }

    /** 3 x 64 maps of 14 x 14: 37,632 pixels, 9 taps of 128 channels each, 1536 sums. */
    @Test
    void operationsOfConvolutions() {
        String shape = "convolution bf16 3 x 3, 128 to 1536 channels, 3 x 64 maps of 14 x 14";
        assertThat(row(Plan.GEMM, shape + ", batch norm, sigmoid and product")
                        .work()
                        .amount())
                .isEqualTo(2.0 * 37632 * 9 * 128 * 1536);
    }

    @Test
    void whetherAGoalIsReached() {
        Goal rate = Goal.of(560, 660);
        assertThat(rate.verdict(Unit.TERAFLOPS, 660, Double.NaN)).isEqualTo("aim");
        assertThat(rate.verdict(Unit.TERAFLOPS, 659, Double.NaN)).isEqualTo("at least");
        assertThat(rate.verdict(Unit.TERAFLOPS, 280, Double.NaN)).isEqualTo("no, 50 %");
        Goal time = Goal.of(90, 45);
        assertThat(time.verdict(Unit.MILLISECONDS, 45, Double.NaN)).isEqualTo("aim");
        assertThat(time.verdict(Unit.MILLISECONDS, 90, Double.NaN)).isEqualTo("at least");
        assertThat(time.verdict(Unit.MILLISECONDS, 120, Double.NaN)).isEqualTo("no, 75 %");
        Goal share = Goal.ofCeiling(0.85, 0.92);
        assertThat(Goal.atLeast(12).verdict(Unit.MICROSECONDS, 11, Double.NaN)).isEqualTo("at least");
        assertThat(Goal.atLeast(12).verdict(Unit.MICROSECONDS, 16, Double.NaN)).isEqualTo("no, 75 %");
        assertThat(share.verdict(Unit.GIGABYTES, 4000, 0.93)).isEqualTo("aim");
        assertThat(share.verdict(Unit.GIGABYTES, 4000, 0.85)).isEqualTo("at least");
        assertThat(share.verdict(Unit.GIGABYTES, 4000, Double.NaN)).isEmpty();
        assertThat(Goal.NONE.verdict(Unit.TERAFLOPS, 1, 1)).isEmpty();
    }
}
