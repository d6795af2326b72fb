package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class CudaVisionMaskingTest {
    private static VisionMasking.Rule rule(int groups, int keep, double probability) {
        return new VisionMasking.Rule(groups, keep, probability, 0.7, 1L << 40 | 42, 7, 0x5056544D);
    }

    /** Cosines and choices to the last bit; their softmax as far as two exponentials in double agree. */
    private static void compare(View tokens, View prompt, VisionMasking.Rule rule) {
        long batch = tokens.size(0);
        long n = tokens.size(1);
        View samples = TestViews.indices(batch == 1 ? new long[] {11} : new long[] {11, 1L << 33, -3});
        View numbers = TestViews.garbage(DType.F64, batch, n);
        View top = TestViews.garbage(DType.BOOL, batch, n);
        View kept = TestViews.garbage(DType.I64, batch, n);
        View counts = TestViews.garbage(DType.I64, batch);
        CudaTwin.compare(rule.toString(), Precision.F32, 0, to(numbers, top, kept, counts), (k, d) -> k.visionMasking()
                .select(tokens, prompt, samples, rule, d[0], null, d[1], d[2], d[3]));
        CudaTwin.compare(
                rule.toString(), Precision.F32, 1e-14, to(numbers, numbers, kept, counts), (k, d) -> k.visionMasking()
                        .select(tokens, prompt, samples, rule, d[0], d[1], null, d[2], d[3]));
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "7, 13, 1", "64, 64, 1", "130, 72, 3", "258, 520, 1", "300, 1032, 2"})
    void sizes(int n, int channels, int prompts) {
        View tokens = random(1, 1, n, channels);
        View prompt = random(2, 1, prompts, channels);
        for (int keep : new int[] {0, 1, n / 2, n - 1, n}) {
            compare(tokens, prompt, rule(1, keep, 0.5));
        }
    }

    /** A prompt's row is longer than what is in shared memory at once, and comes in pieces; for each of two rows anew. */
    @ParameterizedTest
    @CsvSource({"13, 4104, 2", "5, 4099, 1", "3, 8200, 1"})
    void rowsInPieces(int n, int channels, int prompts) {
        compare(random(1, 1, n, channels), random(2, 1, prompts, channels), rule(1, n / 2, 0.5));
    }

    /** More than a thread looks at at once, and cosines of both signs: what a count finds is in few bins first. */
    @Test
    void manyTokens() {
        View tokens = random(1, 1, 3100, 2);
        View prompt = random(2, 1, 1, 2);
        for (int keep : new int[] {0, 7, 775, 1550}) {
            compare(tokens, prompt, rule(2, keep, 0.5));
        }
        compare(tokens, prompt, rule(1, 3100, 0.5));
    }

    @Test
    void groupsAndProbabilities() {
        View tokens = random(1, 1, 600, 24);
        View prompt = random(2, 1, 1, 24);
        for (double p : new double[] {0, 0.3, 1}) {
            compare(tokens, prompt, rule(2, 150, p));
            compare(tokens, prompt, rule(3, 1, p));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void layoutsAndSamples(DType dtype) {
        View prompt = TestViews.random(2, dtype, 3, 2, 32);
        for (View tokens : List.of(
                TestViews.random(1, dtype, 3, 70, 32),
                TestViews.random(1, dtype, 3, 70, 40).slice(2, 8, 40),
                TestViews.random(1, dtype, 3, 70, 40).slice(2, 1, 33),
                TestViews.strided(1, dtype, 3, 70, 32))) {
            compare(tokens, prompt, rule(1, 35, 0.5));
        }
        compare(
                TestViews.random(1, dtype, 1, 70, 32).expand(3, 70, 32),
                TestViews.random(2, dtype, 1, 1, 32).expand(3, 1, 32),
                rule(2, 10, 0.5));
    }

    /** Three directions only: the threshold is a cosine of many tokens. */
    @Test
    void equalTokensAreChosenByNumber() {
        View some = random(1, 3, 1000);
        View tokens = TestViews.zeros(DType.F32, 1, 400, 1000);
        for (int i = 0; i < 400; i++) {
            for (int k = 0; k < 1000; k++) {
                tokens.set(some.get(i * i % 3, k), 0, i, k);
            }
        }
        View prompt = random(2, 1, 1, 1000);
        for (int keep : new int[] {1, 50, 134, 200, 399}) {
            compare(tokens, prompt, rule(1, keep, 0.5));
        }
    }

    @Test
    void whatIsNotFiniteOrHasNoLength() {
        double inf = Double.POSITIVE_INFINITY;
        View tokens = TestViews.of(
                DType.F32,
                new long[] {1, 8, 2},
                Double.NaN,
                1,
                1,
                1,
                inf,
                1,
                0,
                0,
                -0.0,
                0,
                1e-30,
                0,
                -1,
                -1,
                -1e-30,
                0);
        View prompt = TestViews.of(DType.F32, new long[] {1, 2, 2}, 1, 0, 0.5, 0.25);
        for (int keep = 0; keep <= 8; keep++) {
            compare(tokens, prompt, rule(1, keep, 1));
            compare(tokens, prompt.slice(1, 0, 1), rule(2, keep / 2, 1));
        }
    }

    @Test
    void theOrderOfThreadsDoesNotMatter() {
        CudaTwin.sameInAnyOrder(TestViews.garbage(DType.I64, 2, 300), (k, kept) -> {
            View cosine = TestViews.garbage(DType.F64, 2, 300);
            View counts = TestViews.garbage(DType.I64, 2);
            k.visionMasking()
                    .select(
                            random(1, 2, 300, 16),
                            random(2, 2, 1, 16),
                            TestViews.indices(1, 2),
                            rule(1, 100, 0.5),
                            cosine,
                            null,
                            null,
                            kept,
                            counts);
        });
    }

    /** As the model has them: two streams of 729 tokens; and once more, which needs the tickets set back. */
    @Test
    void onePicture() {
        View tokens = random(1, 1, 1458, 64);
        View prompt = random(2, 1, 1, 64);
        compare(tokens, prompt, rule(1, 729, 0.5));
        compare(tokens, prompt, rule(2, 365, 0.5));
    }

    @Test
    void moreTokensThanSharedMemoryHoldsAreTheHosts() {
        View tokens = random(1, 1, 6000, 2);
        View kept = TestViews.garbage(DType.I64, 1, 6000);
        View counts = TestViews.garbage(DType.I64, 1);
        CudaTwin.kernels(Precision.F32)
                .visionMasking()
                .select(
                        tokens,
                        random(2, 1, 1, 2),
                        TestViews.indices(0),
                        rule(1, 10, 1),
                        TestViews.garbage(DType.F64, 1, 6000),
                        null,
                        null,
                        kept,
                        counts);
        assertThat(counts.getAt(0)).isEqualTo(10);
    }
}
