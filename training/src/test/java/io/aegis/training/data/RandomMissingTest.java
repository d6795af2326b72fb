package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.models.dadm.Modality;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RandomMissingTest {
    private static final int N = 20_000;

    /** Five standard errors of a share of N draws, at most. */
    private static final double MARGIN = 5 * 0.5 / Math.sqrt(N);

    @ParameterizedTest
    @ValueSource(doubles = {0.3, 0.7})
    void shares(double q) {
        RandomMissing plain = new RandomMissing(q, false, false);
        assertThat(share(plain, m -> m.size() == 2)).isCloseTo(q, within(MARGIN));
        assertThat(share(plain, m -> m.size() == 1)).isZero();

        RandomMissing noDepth = new RandomMissing(q, true, false);
        assertThat(share(noDepth, m -> m.contains(Modality.DEPTH))).isCloseTo(q + (1 - q) * q, within(MARGIN));
        assertThat(share(noDepth, m -> m.contains(Modality.INFRARED))).isCloseTo(q, within(MARGIN));

        RandomMissing noInfrared = new RandomMissing(q, false, true);
        assertThat(share(noInfrared, m -> m.contains(Modality.DEPTH))).isCloseTo(q, within(MARGIN));
        assertThat(share(noInfrared, m -> m.contains(Modality.INFRARED))).isCloseTo(q + (1 - q) * q, within(MARGIN));

        RandomMissing neither = new RandomMissing(q, true, true);
        assertThat(share(neither, m -> m.size() == 2)).isCloseTo(q + (1 - q) * q * q, within(MARGIN));
        assertThat(share(neither, m -> m.contains(Modality.RGB))).isZero();
    }

    @Test
    void neverAndAlways() {
        assertThat(share(new RandomMissing(0, true, true), Set::isEmpty)).isOne();
        assertThat(share(new RandomMissing(1, false, false), m -> m.size() == 2))
                .isOne();
    }

    @Test
    void followsSeedEpochAndSample() {
        RandomMissing random = new RandomMissing(0.5, true, true);
        assertThat(random.of(1, 2, 3)).isEqualTo(random.of(1, 2, 3));
        assertThat(LongStream.range(0, 100).mapToObj(i -> random.of(1, 0, i)).toList())
                .isNotEqualTo(LongStream.range(0, 100)
                        .mapToObj(i -> random.of(2, 0, i))
                        .toList());
        assertThat(LongStream.range(0, 100).mapToObj(i -> random.of(1, 0, i)).toList())
                .isNotEqualTo(LongStream.range(0, 100)
                        .mapToObj(i -> random.of(1, 1, i))
                        .toList());
    }

    @Test
    void ratesAreProbabilities() {
        for (double rate : new double[] {-0.1, 1.1, Double.NaN}) {
            assertThatThrownBy(() -> new RandomMissing(rate, false, false))
                    .isInstanceOf(DataException.class)
                    .hasMessage("rate of missing modalities " + rate + "; expected a probability from 0 to 1");
        }
    }

    private static double share(RandomMissing random, Predicate<Set<Modality>> which) {
        return LongStream.range(0, N)
                        .filter(i -> which.test(random.of(42, 0, i)))
                        .count()
                / (double) N;
    }
}
