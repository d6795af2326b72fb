package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;

class RocPropertiesTest {
    private static final DoubleUnaryOperator SIGMOID = s -> 1 / (1 + Math.exp(-4 * s));

    /** Scores on a grid of 1/64, so that ties are common and 1 - s is exact. */
    @Provide
    Arbitrary<Scores> scores() {
        Arbitrary<List<Integer>> grid =
                Arbitraries.integers().between(0, 64).list().ofMinSize(1).ofMaxSize(40);
        return Combinators.combine(grid, grid).as((live, spoof) -> {
            List<Sample> samples = new ArrayList<>();
            live.forEach(s -> samples.add(Sample.bonaFide("", s / 64.0, "")));
            spoof.forEach(s -> samples.add(Sample.attack("", s / 64.0, "t" + s % 3, "")));
            return new Scores("random", Split.DEVELOPMENT, samples);
        });
    }

    @Property(tries = 300)
    void aucIsTheShareOfPairsWon(@ForAll("scores") Scores scores) {
        double won = 0;
        for (double live : scores.bonaFideScores()) {
            for (double spoof : scores.attackScores()) {
                won += live > spoof ? 1 : live == spoof ? .5 : 0;
            }
        }
        double pairs = (double) scores.bonaFide() * scores.attacks();
        assertThat(RocCurve.of(scores).auc()).isEqualTo(won / pairs);
    }

    @Property(tries = 300)
    void monotoneMapsChangeNoRate(@ForAll("scores") Scores scores) {
        RocCurve before = RocCurve.of(scores);
        RocCurve after = RocCurve.of(mapped(scores, SIGMOID));
        assertThat(after.auc()).isEqualTo(before.auc());
        assertThat(after.equalError().rate()).isEqualTo(before.equalError().rate());
        assertThat(after.tprAtFpr(.1)).isEqualTo(before.tprAtFpr(.1));
        assertThat(PaperProtocol.of(mapped(scores, SIGMOID)).hter())
                .isEqualTo(PaperProtocol.of(scores).hter());
    }

    @Property(tries = 300)
    void turningScoresAroundTurnsTheCurve(@ForAll("scores") Scores scores) {
        RocCurve before = RocCurve.of(scores);
        RocCurve after = RocCurve.of(mapped(scores, s -> 1 - s));
        assertThat(after.auc()).isCloseTo(1 - before.auc(), within(1e-15));
        assertThat(after.equalError().rate()).isCloseTo(1 - before.equalError().rate(), within(1e-12));
    }

    @Property(tries = 200)
    void orderDoesNotMatter(@ForAll("scores") Scores scores, @ForAll long seed) {
        List<Sample> shuffled = new ArrayList<>(scores.samples());
        Collections.shuffle(shuffled, new Random(seed));
        Scores other = new Scores(scores.name(), scores.split(), shuffled);
        assertThat(RocCurve.of(other)).isEqualTo(RocCurve.of(scores));
        assertThat(PaperProtocol.of(other)).isEqualTo(PaperProtocol.of(scores));
        Threshold t = Threshold.select(scores, new ThresholdRule.EqualErrorRate());
        assertThat(Evaluation.of(other, t)).isEqualTo(Evaluation.of(scores, t));
    }

    @Property(tries = 300)
    void thresholdsDecideAsTheirVertexDoes(
            @ForAll("scores") Scores scores, @ForAll @DoubleRange(min = 0, max = 1) double limit) {
        RocCurve roc = RocCurve.of(scores);
        for (ThresholdRule rule : List.of(
                new ThresholdRule.EqualErrorRate(),
                new ThresholdRule.BpcerAtMost(limit),
                new ThresholdRule.FprAtMost(limit))) {
            Evaluation e = Evaluation.of(scores, Threshold.select(scores, rule));
            RocCurve.Point p = rule.choose(roc);
            assertThat(e.apcer().pooled().errors()).isEqualTo(p.acceptedAttacks());
            assertThat(e.bpcer().errors()).isEqualTo(scores.bonaFide() - p.acceptedBonaFide());
        }
        assertThat(Evaluation.of(scores, Threshold.select(scores, new ThresholdRule.BpcerAtMost(limit)))
                        .bpcer()
                        .value())
                .isLessThanOrEqualTo(limit);
        Evaluation strict = Evaluation.of(scores, Threshold.select(scores, new ThresholdRule.FprAtMost(limit)));
        assertThat(strict.apcer().pooled().value()).isLessThanOrEqualTo(limit);
        assertThat(1 - strict.bpcer().value()).isCloseTo(roc.tprAtFpr(limit), within(1e-12));
    }

    private static Scores mapped(Scores scores, DoubleUnaryOperator map) {
        return new Scores(
                scores.name(),
                scores.split(),
                scores.samples().stream()
                        .map(s ->
                                new Sample(s.id(), map.applyAsDouble(s.score()), s.bonaFide(), s.attack(), s.domain()))
                        .toList());
    }
}
