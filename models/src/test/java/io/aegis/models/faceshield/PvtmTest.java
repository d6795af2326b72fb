package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PvtmTest {
    private static final Draw DRAW = new Draw(3, 5, 7);

    private static PvtmOptions options(TokenRanking ranking, double k, double p, TokenMasking masking) {
        return new PvtmOptions(
                PromptVector.MEAN,
                SimilaritySpace.LLM,
                ranking,
                k,
                p,
                masking,
                MaskingMode.STOCHASTIC,
                MaskingMode.OFF,
                OptionalDouble.of(1));
    }

    private static Pvtm pvtm(double k, double p) {
        return new Pvtm(new Parameters(), options(TokenRanking.JOINT, k, p, TokenMasking.REMOVE), 3, 4);
    }

    private static Tensor noise(DType dtype, long seed, long... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] values = new double[(int) View.count(shape)];
        Arrays.setAll(values, i -> random.nextDouble(-1, 1));
        return Tensor.of(dtype, values, shape);
    }

    /** Tokens whose cosines with {@link #question} are these, to double's precision. */
    private static Tensor tokens(double... cosines) {
        double[] values = new double[2 * cosines.length];
        for (int i = 0; i < cosines.length; i++) {
            values[2 * i] = 3 * cosines[i];
            values[2 * i + 1] = 3 * Math.sqrt(1 - cosines[i] * cosines[i]);
        }
        return Tensor.of(DType.F64, values, cosines.length, 2);
    }

    private static Tensor question() {
        return Tensor.of(DType.F64, new double[] {0.5, 0}, 1, 2);
    }

    private static Selection select(Pvtm pvtm, MaskingMode mode, Draw draw, double... cosines) {
        try (Scope scope = Scope.open()) {
            Selection all =
                    pvtm.rank(tokens(cosines), question(), 2, mode, draw).selection();
            assertThat(all.cosine()).containsExactly(cosines, within(1e-15));
            if (mode != MaskingMode.OFF) {
                assertThat(pvtm.keep(tokens(cosines), question(), 2, mode, draw).places())
                        .isEqualTo(all.kept());
            }
            return all;
        }
    }

    private static int[] top(TokenRanking ranking, double k, double... cosines) {
        Pvtm pvtm = new Pvtm(new Parameters(), options(ranking, k, 50, TokenMasking.REMOVE), 3, 4);
        Selection s = select(pvtm, MaskingMode.TOPK_ONLY, DRAW, cosines);
        assertThat(s.kept()).isEqualTo(s.top());
        return s.top();
    }

    @ParameterizedTest
    @CsvSource({"50, 3", "51, 4", "1, 1", "33.3, 2", "100, 6"})
    void theBestPercentRoundedUp(double k, int expected) {
        int[] best = {1, 3, 4, 2, 0, 5};
        assertThat(top(TokenRanking.JOINT, k, .1, .5, .2, .4, .3, .0))
                .containsExactly(Arrays.stream(best, 0, expected).sorted().toArray());
    }

    @Test
    void amongEqualsTheFirst() {
        assertThat(top(TokenRanking.JOINT, 50, .2, .2, .1, .2)).containsExactly(0, 1);
    }

    @Test
    void aRankingOfEachStream() {
        double[] cosine = {.9, .8, .7, .6, .1, .2, .3, .4};
        assertThat(top(TokenRanking.JOINT, 50, cosine)).containsExactly(0, 1, 2, 3);
        assertThat(top(TokenRanking.PER_STREAM, 50, cosine)).containsExactly(0, 1, 6, 7);
    }

    @Test
    void theNearestRowOfThePromptCounts() {
        try (Scope scope = Scope.open()) {
            Tensor tokens = Tensor.of(DType.F32, new double[] {2, 0, 0, 3, 0, 0, 1, 0}, 4, 2);
            Tensor prompt = Tensor.of(DType.F32, new double[] {1, 0, 4, 4}, 2, 2);
            RankedTokens ranked = pvtm(50, 50).rank(tokens, prompt, 2, MaskingMode.OFF, DRAW);
            assertThat(ranked.selection().cosine())
                    .containsExactly(new double[] {1, Math.sqrt(.5), 0, 1}, within(1e-7));
        }
    }

    @Test
    void importanceIsASoftmax() {
        double c = 0.6;
        Selection s = select(pvtm(50, 50), MaskingMode.TOPK_ONLY, DRAW, 0, c);
        double share = Math.exp(c) / (1 + Math.exp(c));
        assertThat(s.importance()).containsExactly(new double[] {1 - share, share}, within(1e-12));
        assertThat(s.kept()).containsExactly(1);
        assertThat(s.keptShare(0)).isZero();
        assertThat(s.keptShare(1)).isEqualTo(1);
    }

    @Test
    void masksFollowSeedStepSampleAndTokenOnly() {
        double[] cosine = new double[2000];
        Arrays.setAll(cosine, i -> i < 1000 ? 1 : -i / 2000.0);
        Pvtm pvtm = pvtm(50, 30);
        int[] kept = select(pvtm, MaskingMode.STOCHASTIC, DRAW, cosine).kept();
        assertThat(kept).startsWith(IntStream.range(0, 1000).toArray());
        // 1000 draws of 0.7: 58 is four standard deviations.
        assertThat(kept.length - 1000).isBetween(642, 758);
        assertThat(kept)
                .as("Philox's numbers, as stated")
                .isEqualTo(IntStream.range(0, 2000)
                        .filter(i -> i < 1000 || Philox.uniform(3, 5, 7, 0x5056544D, i) >= 0.3)
                        .toArray());
        assertThat(select(pvtm, MaskingMode.STOCHASTIC, new Draw(3, 5, 7), cosine)
                        .kept())
                .isEqualTo(kept);
        for (Draw other : List.of(new Draw(4, 5, 7), new Draw(3, 6, 7), new Draw(3, 5, 8))) {
            assertThat(select(pvtm, MaskingMode.STOCHASTIC, other, cosine).kept())
                    .isNotEqualTo(kept);
        }
        // Another ranking, and the same tokens at the same odds: those that stay masked were masked before.
        double[] reversed = cosine.clone();
        Arrays.setAll(reversed, i -> i >= 1000 ? 1 : -1);
        int[] others = select(pvtm, MaskingMode.STOCHASTIC, DRAW, reversed).kept();
        assertThat(others).endsWith(IntStream.range(1000, 2000).toArray());
        assertThat(select(pvtm(50, 0), MaskingMode.STOCHASTIC, DRAW, cosine).kept())
                .hasSize(2000);
        assertThat(select(pvtm(50, 100), MaskingMode.STOCHASTIC, DRAW, cosine).kept())
                .hasSize(1000);
        assertThat(select(pvtm, MaskingMode.OFF, DRAW, cosine).kept()).hasSize(2000);
    }

    /** Identities of samples are 64 bits, of which doubles hold 53. */
    @Test
    void aSampleIsItsLastBitToo() {
        double[] cosine = new double[400];
        long sample = (1L << 60) + 1;
        assertThat(select(pvtm(50, 50), MaskingMode.STOCHASTIC, new Draw(3, 5, sample), cosine)
                        .kept())
                .isEqualTo(IntStream.range(0, 400)
                        .filter(i -> i < 200 || Philox.uniform(3, 5, sample, 0x5056544D, i) >= 0.5)
                        .toArray());
    }

    @ParameterizedTest
    @EnumSource(TokenMasking.class)
    void whatBecomesOfMaskedTokens(TokenMasking masking) {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            Pvtm pvtm = new Pvtm(p, options(TokenRanking.JOINT, 50, 50, masking), 3, 2);
            p.initialize(DType.F32, 1);
            Tensor tokens = Tensor.of(DType.F32, new double[] {1, 2, 3, 4, 5, 6}, 3, 2);
            VisionTokens out = pvtm.masked(tokens, KeptTokens.of(0, 2));
            assertThat(out.slot()).isEqualTo(3);
            double[] learned = masking == TokenMasking.MASK_TOKEN
                    ? p.get("mask_token").view().toDoubles()
                    : new double[2];
            switch (masking) {
                case REMOVE -> {
                    assertThat(out.rows().toDoubles()).containsExactly(1, 2, 5, 6);
                    assertThat(out.places()).containsExactly(0, 2);
                    assertThat(out.hidden()).containsExactly(false, false);
                }
                case KEY_MASK -> {
                    assertThat(out.rows().toDoubles()).containsExactly(1, 2, 3, 4, 5, 6);
                    assertThat(out.hidden()).containsExactly(false, true, false);
                    assertThat(pvtm.shown(tokens, KeptTokens.of(0, 2)).places()).containsExactly(0, 2);
                }
                case ZERO, MASK_TOKEN -> {
                    assertThat(out.rows().toDoubles()).containsExactly(1, 2, learned[0], learned[1], 5, 6);
                    assertThat(out.hidden()).containsExactly(false, false, false);
                    assertThat(out.places()).containsExactly(0, 1, 2);
                }
            }
        }
    }

    /** The gate's gradient is that of V_i (1 + s_i), of which s_i is differentiated by finite differences. */
    @ParameterizedTest
    @CsvSource({"MEAN, false", "MEAN, true", "MAX, true"})
    void theGateChangesNothingAndTeachesTheMap(PromptVector vector, boolean learnedTemperature) {
        PvtmOptions options = new PvtmOptions(
                vector,
                SimilaritySpace.TOWER,
                TokenRanking.JOINT,
                50,
                50,
                TokenMasking.REMOVE,
                MaskingMode.STOCHASTIC,
                MaskingMode.OFF,
                learnedTemperature ? OptionalDouble.empty() : OptionalDouble.of(0.5));
        try (Parameters p = new Parameters();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Pvtm pvtm = new Pvtm(p, options, 3, 4);
            p.initialize(DType.F64, 1);
            Tensor tokens = noise(DType.F64, 2, 6, 3);
            Tensor question = noise(DType.F64, 3, 5, 4);
            Tensor weights = noise(DType.F64, 4, 6, 3);
            Tensor gated = pvtm.gated(tokens, pvtm.prompt(question, x -> x));
            assertThat(gated.toDoubles()).isEqualTo(tokens.toDoubles());
            List<Parameter> learned = p.trainable();
            assertThat(learned).hasSize(learnedTemperature ? 3 : 2);
            try (Gradients g = tape.gradients(
                    Ops.total(gated.times(weights)),
                    learned.stream().map(Parameter::tensor).toList())) {
                for (Parameter each : learned) {
                    double[] got = g.of(each.tensor()).toDoubles();
                    for (int i = 0; i < got.length; i++) {
                        double expected = difference(pvtm, each.view(), i, tokens, question, weights);
                        assertThat(got[i]).as(each + " " + i).isCloseTo(expected, within(1e-7));
                    }
                    assertThat(Arrays.stream(got).map(Math::abs).max().orElse(0))
                            .isGreaterThan(1e-3);
                }
            }
        }
    }

    private static double difference(Pvtm pvtm, View v, int i, Tensor tokens, Tensor question, Tensor weights) {
        double h = 1e-5;
        double before = v.getAt(i);
        v.setAt(i, before + h);
        double up = weighed(pvtm, tokens, question, weights);
        v.setAt(i, before - h);
        double down = weighed(pvtm, tokens, question, weights);
        v.setAt(i, before);
        return (up - down) / (2 * h);
    }

    /** The sum over tokens of n S_i times what their gate is multiplied with. */
    private static double weighed(Pvtm pvtm, Tensor tokens, Tensor question, Tensor weights) {
        double[] sum = new double[1];
        Tape.withoutRecording(() -> {
            double[] s = pvtm.rank(tokens, pvtm.prompt(question, x -> x), 2, MaskingMode.OFF, DRAW)
                    .selection()
                    .importance();
            double[] product = tokens.times(weights).toDoubles();
            for (int i = 0; i < product.length; i++) {
                sum[0] += product[i] * s[i / 3] * s.length;
            }
        });
        return sum[0];
    }
}
