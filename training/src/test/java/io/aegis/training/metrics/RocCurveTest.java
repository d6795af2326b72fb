package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class RocCurveTest {
    /** Bona fide 0.9 0.8 0.5 0.4, attacks 0.8 0.4 0.3 0.1 0.1: by hand, with ties across and inside the classes. */
    static final Scores TIES = Scores.of(
            "ties", Split.DEVELOPMENT, new double[] {0.3, 0.9, 0.1, 0.8, 0.8, 0.5, 0.4, 0.1, 0.4}, new boolean[] {
                false, true, false, true, false, true, true, false, false
            });

    @Test
    void verticesAreDistinctScoresAndTheOrigin() {
        RocCurve roc = RocCurve.of(TIES);
        assertThat(roc.points())
                .containsExactly(
                        new RocCurve.Point(Math.nextUp(0.9), 0, 0),
                        new RocCurve.Point(0.9, 1, 0),
                        new RocCurve.Point(0.8, 2, 1),
                        new RocCurve.Point(0.5, 3, 1),
                        new RocCurve.Point(0.4, 4, 2),
                        new RocCurve.Point(0.3, 4, 3),
                        new RocCurve.Point(0.1, 4, 5));
        assertThat(roc.bonaFide()).isEqualTo(4);
        assertThat(roc.attacks()).isEqualTo(5);
    }

    @Test
    void tiesCountOneHalf() {
        // Pairs won: 0.9 5, 0.8 4.5, 0.5 4, 0.4 3.5 of 20.
        assertThat(RocCurve.of(TIES).auc()).isEqualTo(17.0 / 20);
    }

    @Test
    void equalErrorLiesOnTheSegmentThatCrosses() {
        // FPR, FNR: (0.2, 0.5) then (0.2, 0.25) then (0.4, 0): d = -0.05, 0.4; t = 1/9; EER = 0.2 + 0.2 / 9.
        RocCurve.EqualError eer = RocCurve.of(TIES).equalError();
        assertThat(eer.rate()).isCloseTo(0.2 + 0.2 / 9, within(1e-15));
        assertThat(eer.point().threshold()).isEqualTo(0.5);
    }

    @Test
    void equalErrorOfAPerfectAndAnInvertedSet() {
        boolean[] label = {true, true, false, false};
        RocCurve perfect = RocCurve.of(Scores.of("p", Split.TEST, new double[] {.9, .8, .2, .1}, label));
        assertThat(perfect.auc()).isEqualTo(1);
        assertThat(perfect.equalError().rate()).isZero();
        assertThat(perfect.equalError().point().threshold()).isEqualTo(.8);
        RocCurve inverted = RocCurve.of(Scores.of("i", Split.TEST, new double[] {.1, .2, .8, .9}, label));
        assertThat(inverted.auc()).isZero();
        assertThat(inverted.equalError().rate()).isEqualTo(1);
    }

    @Test
    void ofTwoVerticesAsNearTheOneWithFewerErrorsIsTheOperatingPoint() {
        // (FPR, FNR) is (1/2, 1) at 0.9 and (1/2, 0) at 0.5: both miss balance by one half.
        RocCurve roc = RocCurve.of(Scores.of("t", Split.TEST, new double[] {.9, .9, .5, .5, .1, .1}, new boolean[] {
            false, false, true, true, false, false
        }));
        assertThat(roc.equalError().point().threshold()).isEqualTo(.5);
        assertThat(roc.equalError().rate()).isEqualTo(.5);
    }

    @Test
    void allScoresEqualIsAGuess() {
        RocCurve roc = RocCurve.of(
                Scores.of("same", Split.TEST, new double[] {.5, .5, .5}, new boolean[] {true, false, false}));
        assertThat(roc.points()).hasSize(2);
        assertThat(roc.auc()).isEqualTo(0.5);
        assertThat(roc.equalError().rate()).isEqualTo(0.5);
    }

    @Test
    void tprAtFprTakesTheLastVertexWithin() {
        RocCurve roc = RocCurve.of(TIES);
        assertThat(roc.tprAtFpr(0)).isEqualTo(0.25);
        assertThat(roc.tprAtFpr(0.19)).isEqualTo(0.25);
        assertThat(roc.tprAtFpr(0.2)).isEqualTo(0.75);
        assertThat(roc.tprAtFpr(0.4)).isEqualTo(1);
        assertThat(roc.tprAtFpr(1)).isEqualTo(1);
        assertThatThrownBy(() -> roc.tprAtFpr(1.5)).hasMessage("a limit on FPR is between 0 and 1, not 1.5");
        assertThatThrownBy(() -> roc.tprAtFpr(Double.NaN)).hasMessageContaining("not NaN");
    }

    @Test
    void negativeZeroIsZero() {
        RocCurve roc = RocCurve.of(Scores.of("z", Split.TEST, new double[] {0.0, -0.0}, new boolean[] {false, true}));
        assertThat(roc.auc()).isEqualTo(0.5);
    }

    @Test
    void oneClassOrNothingIsRefused() {
        Scores live = Scores.of("cefa", Split.TEST, new double[] {.5, .6}, new boolean[] {true, true});
        assertThatThrownBy(() -> RocCurve.of(live))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the test set 'cefa' has 2 bona fide and 0 attack samples; both classes are needed");
        Scores spoof = Scores.of("surf", Split.TRAIN, new double[] {.5}, new boolean[] {false});
        assertThatThrownBy(() -> RocCurve.of(spoof)).hasMessageContaining("0 bona fide and 1 attack");
        assertThatThrownBy(() -> Scores.of("none", Split.TEST, new double[0], new boolean[0]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the test set 'none' has no samples");
    }
}
