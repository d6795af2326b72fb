package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ScalarVisionMaskingTest {
    private record Result(double[] cosine, double[] importance, double[] top, List<Integer> kept) {}

    private static Result select(View tokens, View prompt, long sample, VisionMasking.Rule rule) {
        long n = tokens.size(1);
        View cosine = TestViews.garbage(DType.F64, 1, n);
        View importance = TestViews.garbage(DType.F64, 1, n);
        View top = TestViews.garbage(DType.BOOL, 1, n);
        View kept = TestViews.garbage(DType.I64, 1, n);
        View counts = TestViews.garbage(DType.I64, 1);
        Backends.scalar()
                .visionMasking()
                .select(tokens, prompt, TestViews.indices(sample), rule, cosine, importance, top, kept, counts);
        int count = (int) counts.getAt(0);
        double[] all = kept.toDoubles();
        assertThat(Arrays.stream(all).skip(count)).as("behind the kept").allMatch(x -> x == -1);
        return new Result(
                cosine.toDoubles(),
                importance.toDoubles(),
                top.toDoubles(),
                Arrays.stream(all).limit(count).mapToObj(x -> (int) x).toList());
    }

    private static VisionMasking.Rule rule(int groups, int keep, double probability) {
        return new VisionMasking.Rule(groups, keep, probability, 0.5, 42, 7, 0x5056544D);
    }

    @Test
    void cosinesAndTheirSoftmax() {
        View tokens = TestViews.random(1, DType.F32, 1, 5, 300);
        View prompt = TestViews.random(2, DType.F32, 1, 3, 300);
        Result r = select(tokens, prompt, 0, rule(1, 2, 0));
        double sum = 0;
        for (int i = 0; i < 5; i++) {
            double greatest = -2;
            for (int j = 0; j < 3; j++) {
                double[] dots = new double[3];
                for (int k = 0; k < 300; k++) {
                    double v = tokens.get(0, i, k);
                    double p = prompt.get(0, j, k);
                    dots[0] += v * p;
                    dots[1] += v * v;
                    dots[2] += p * p;
                }
                greatest = Math.max(greatest, dots[0] / Math.sqrt(dots[1] * dots[2]));
            }
            assertThat(r.cosine[i]).isCloseTo(greatest, within(1e-14));
            sum += Math.exp(greatest / 0.5);
        }
        for (int i = 0; i < 5; i++) {
            assertThat(r.importance[i]).isCloseTo(Math.exp(r.cosine[i] / 0.5) / sum, within(1e-14));
        }
        assertThat(r.kept).as("with probability 0 nothing is masked").containsExactly(0, 1, 2, 3, 4);
    }

    /** Vectors of one element: the cosine is the sign. */
    private static View signs(double... tokens) {
        return TestViews.of(DType.F32, new long[] {1, tokens.length, 1}, tokens);
    }

    @Test
    void amongEqualsTheLowerNumberIsBetter() {
        Result r = select(signs(-1, 2, -1, 3, 4, 5), signs(1), 0, rule(1, 3, 1));
        assertThat(r.kept).containsExactly(1, 3, 4);
        assertThat(r.top).containsExactly(0, 1, 0, 1, 1, 0);
        assertThat(select(signs(-1, -2, -1, 3, 4, 5), signs(1), 0, rule(1, 4, 1)).kept)
                .containsExactly(0, 3, 4, 5);
    }

    @Test
    void eachGroupKeepsItsOwn() {
        Result r = select(signs(-1, -1, -1, 1, 1, 1), signs(1), 0, rule(2, 1, 1));
        assertThat(r.kept).containsExactly(0, 3);
    }

    @Test
    void whatIsNotANumberIsAboveAll() {
        Result r = select(signs(1, Double.NaN, 1, 0), signs(1), 0, rule(1, 1, 1));
        assertThat(r.kept).containsExactly(1);
        assertThat(r.cosine[3]).as("a vector of zeros").isZero();
    }

    @Test
    void othersAreMaskedByTheirNumberAndSample() {
        for (long sample : new long[] {3, 1L << 40}) {
            Result r = select(signs(new double[400]), signs(1), sample, rule(1, 100, 0.3));
            List<Integer> expected = IntStream.range(0, 400)
                    .filter(i -> i < 100 || Philox.uniform(42, 7, sample, 0x5056544D, i) >= 0.3)
                    .boxed()
                    .toList();
            assertThat(r.kept).isEqualTo(expected);
        }
    }
}
