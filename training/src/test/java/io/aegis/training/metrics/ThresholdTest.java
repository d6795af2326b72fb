package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ThresholdTest {
    private static final Scores DEV = RocCurveTest.TIES;

    @Test
    void liesInTheMiddleOfTheGap() {
        Scores separated = Scores.of(
                "dev", Split.DEVELOPMENT, new double[] {.9, .8, .2, .1}, new boolean[] {true, true, false, false});
        Threshold t = Threshold.select(separated, new ThresholdRule.EqualErrorRate());
        assertThat(t.value()).isEqualTo(.5);
        assertThat(t.origin()).isEqualTo("equal error rate on the development set 'dev' (4 samples)");
        assertThat(t.accepts(.5)).isTrue();
        assertThat(t.accepts(Math.nextDown(.5))).isFalse();
    }

    @Test
    void fixedRates() {
        assertThat(Threshold.select(DEV, new ThresholdRule.BpcerAtMost(0.25)).value())
                .isEqualTo(.45);
        assertThat(Threshold.select(DEV, new ThresholdRule.BpcerAtMost(0.24)).value())
                .isEqualTo(.35);
        assertThat(Threshold.select(DEV, new ThresholdRule.BpcerAtMost(1)).value())
                .isEqualTo(Math.nextUp(.9));
        assertThat(Threshold.select(DEV, new ThresholdRule.FprAtMost(0)).value())
                .isEqualTo(.9 / 2 + .8 / 2);
        assertThat(Threshold.select(DEV, new ThresholdRule.FprAtMost(0.2)).value())
                .isEqualTo(.45);
        assertThat(Threshold.select(DEV, new ThresholdRule.FprAtMost(1)).value())
                .isEqualTo(.1);
        assertThat(new ThresholdRule.FprAtMost(0.001)).hasToString("FPR <= 0.001");
        assertThat(new ThresholdRule.BpcerAtMost(0.05)).hasToString("BPCER <= 0.05");
        assertThatThrownBy(() -> new ThresholdRule.BpcerAtMost(-1))
                .hasMessage("a limit on BPCER is between 0 and 1, not -1.0");
        assertThatThrownBy(() -> new ThresholdRule.FprAtMost(2))
                .hasMessage("a limit on FPR is between 0 and 1, not 2.0");
    }

    @Test
    void neighbouringDoublesLeaveNoMiddle() {
        double low = .5;
        double high = Math.nextUp(low);
        Scores dev = Scores.of("dev", Split.DEVELOPMENT, new double[] {high, low}, new boolean[] {true, false});
        Threshold t = Threshold.select(dev, new ThresholdRule.EqualErrorRate());
        assertThat(t.accepts(high)).isTrue();
        assertThat(t.accepts(low)).isFalse();
    }

    @Test
    void onlyDevelopmentDataChooses() {
        for (Split split : new Split[] {Split.TEST, Split.TRAIN}) {
            assertThatThrownBy(() -> Threshold.select(DEV.as(split), new ThresholdRule.EqualErrorRate()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("a threshold is chosen on a development set, but 'ties' is a " + split + " set");
        }
        assertThatThrownBy(() -> new Threshold(Double.NaN, "x")).hasMessage("a threshold is a finite number, not NaN");
    }
}
