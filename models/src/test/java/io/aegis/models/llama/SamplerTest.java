package io.aegis.models.llama;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final double[] LOGITS = {1, 3, 2, -1, 3, 0};
    private static final int DRAWS = 20000;

    private static double[] frequencies(GenerationOptions options) {
        double[] out = new double[LOGITS.length];
        Sampler sampler = new Sampler(options, 9);
        for (int i = 0; i < DRAWS; i++) {
            out[sampler.next(LOGITS, i).id()] += 1.0 / DRAWS;
        }
        return out;
    }

    private static double[] softmax(double temperature, int... among) {
        double[] out = new double[LOGITS.length];
        for (int i : among) {
            out[i] = Math.exp(LOGITS[i] / temperature);
        }
        double sum = Arrays.stream(out).sum();
        return Arrays.stream(out).map(x -> x / sum).toArray();
    }

    @Test
    void temperatureZeroTakesTheFirstOfTheLikeliest() {
        Sampler.Choice choice = new Sampler(GenerationOptions.GREEDY, 0).next(LOGITS, 0);
        assertThat(choice.id()).isEqualTo(1);
        assertThat(choice.logProbability()).isCloseTo(Math.log(softmax(1, 0, 1, 2, 3, 4, 5)[1]), within(1e-12));
    }

    /** Five standard deviations of a frequency of 20000 draws are at most 0.018; the seed is fixed. */
    @Test
    void drawsFollowTheSoftmax() {
        GenerationOptions options = GenerationOptions.GREEDY.sampled(0.8, 0, 1, 42);
        assertThat(frequencies(options)).containsExactly(softmax(0.8, 0, 1, 2, 3, 4, 5), within(0.018));
    }

    @Test
    void topKKeepsTheLikeliestAndWhatEqualsTheLast() {
        assertThat(frequencies(GenerationOptions.GREEDY.sampled(1, 3, 1, 1)))
                .containsExactly(softmax(1, 1, 2, 4), within(0.018));
        assertThat(frequencies(GenerationOptions.GREEDY.sampled(1, 1, 1, 1)))
                .containsExactly(softmax(1, 1, 4), within(0.018));
    }

    /** The two threes have 0.41 each, the two 0.15: two reach 0.6, three reach 0.9. */
    @Test
    void topPKeepsTheFewestThatReachIt() {
        assertThat(frequencies(GenerationOptions.GREEDY.sampled(1, 0, 0.6, 1)))
                .containsExactly(softmax(1, 1, 4), within(0.018));
        assertThat(frequencies(GenerationOptions.GREEDY.sampled(1, 0, 0.9, 1)))
                .containsExactly(softmax(1, 1, 2, 4), within(0.018));
        // Of equals the first.
        assertThat(frequencies(GenerationOptions.GREEDY.sampled(1, 0, 1e-9, 1)))
                .containsExactly(softmax(1, 1), within(1e-9));
    }

    @Test
    void whatWasSeenIsPenalised() {
        GenerationOptions options = GenerationOptions.GREEDY.withRepetitionPenalty(2);
        Sampler sampler = new Sampler(options, 0);
        sampler.saw(1);
        sampler.saw(4);
        // 3 / 2 falls behind 2; and -1 * 2 stays last.
        assertThat(sampler.next(LOGITS, 0).id()).isEqualTo(2);
        // 2 is halved now as well, to 1.
        assertThat(sampler.next(LOGITS, 1).id()).isEqualTo(1);
        sampler.saw(10_000);
        assertThat(sampler.next(new double[] {-1, -3}, 2).id()).isZero();
        Sampler negative = new Sampler(options, 0);
        negative.saw(0);
        assertThat(negative.next(new double[] {-1, -1.5}, 0).id()).isEqualTo(1);
    }

    @Test
    void aDrawDependsOnSeedStepAndSequenceOnly() {
        GenerationOptions options = GenerationOptions.GREEDY.sampled(2, 0, 1, 3);
        int[] forwards = new int[50];
        Sampler one = new Sampler(options, 4);
        Arrays.setAll(forwards, i -> one.next(LOGITS, i).id());
        Sampler two = new Sampler(options, 4);
        for (int i = 49; i >= 0; i--) {
            assertThat(two.next(LOGITS, i).id()).isEqualTo(forwards[i]);
        }
        int[] other = new int[50];
        Sampler three = new Sampler(options, 5);
        Arrays.setAll(other, i -> three.next(LOGITS, i).id());
        assertThat(other).isNotEqualTo(forwards);
    }

    @Test
    void damagedWeightsAreNoticed() {
        assertThatThrownBy(() -> new Sampler(GenerationOptions.GREEDY, 0).next(new double[] {1, Double.NaN}, 0))
                .hasMessageContaining("not numbers");
    }

    @Test
    void optionsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> GenerationOptions.GREEDY.sampled(-1, 0, 1, 0))
                .hasMessageContaining("temperature -1.0");
        assertThatThrownBy(() -> GenerationOptions.GREEDY.sampled(1, 0, 0, 0)).hasMessageContaining("top-p 0.0");
        assertThatThrownBy(() -> GenerationOptions.GREEDY.withMaxNewTokens(0)).hasMessageContaining("max new tokens");
        assertThatThrownBy(() -> GenerationOptions.GREEDY.withRepetitionPenalty(0))
                .hasMessageContaining("penalty");
    }
}
