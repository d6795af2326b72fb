package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfusionMatrixTest {
    private static final List<String> CLASSES = List.of("real", "print", "replay", "tattoo");
    private static final int[][] COUNTS = {
        {8, 1, 0, 0, 1}, //
        {2, 5, 3, 0, 0}, //
        {0, 0, 4, 0, 0}, //
        {0, 0, 0, 0, 0}
    };

    /** F1 by hand: real 16/20, print 10/16, replay 8/11; the tattoo is nowhere. */
    @Test
    void ratesByHand() {
        ConfusionMatrix m = new ConfusionMatrix("fine", CLASSES, COUNTS);

        assertThat(m.total()).isEqualTo(24);
        assertThat(m.accuracy()).isCloseTo(17 / 24.0, within(1e-15));
        assertThat(m.f1(0)).isCloseTo(16 / 20.0, within(1e-15));
        assertThat(m.f1(1)).isCloseTo(10 / 16.0, within(1e-15));
        assertThat(m.f1(2)).isCloseTo(8 / 11.0, within(1e-15));
        assertThat(m.f1(3)).isNaN();
        assertThat(m.macroF1()).isCloseTo((16 / 20.0 + 10 / 16.0 + 8 / 11.0) / 3, within(1e-15));
        assertThat(m.header()).containsExactly("true \\ answered", "real", "print", "replay", "no answer", "F1");
        assertThat(m.table()).hasSize(3).contains(List.of("print", "2", "5", "3", "0", "0.6250"));
        assertThat(m.toMap()).containsEntry("no_answer", 1).containsEntry("samples", 24);
        assertThat(((Map<?, ?>) m.toMap().get("confusion")).get("real").toString())
                .isEqualTo("{real=8, print=1, no answer=1}");
    }

    @Test
    void aClassThatIsOnlyAnsweredCountsAgainstTheMean() {
        ConfusionMatrix m = new ConfusionMatrix("fine", List.of("a", "b"), new int[][] {{1, 1, 0}, {0, 0, 0}});
        assertThat(m.macroF1()).isCloseTo((2 / 3.0 + 0) / 2, within(1e-15));
    }

    @Test
    void whatIsNoMatrixIsRefused() {
        assertThatThrownBy(() -> new ConfusionMatrix("fine", CLASSES, new int[3][5]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new ConfusionMatrix("fine", CLASSES, new int[4][5]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'fine' has no samples to classify");
    }
}
