package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.training.metrics.Decision.Answer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HardEvaluationTest {
    private static final double EXACT = 1e-15;

    private final List<Decision> decisions = new ArrayList<>();

    private void add(int count, String attack, Answer answer) {
        for (int i = 0; i < count; i++) {
            decisions.add(new Decision(attack == null, attack == null ? "" : attack, "W", answer));
        }
    }

    /** 10 bona fide: 7 right, 2 called attacks, 1 silent. 8 prints: 1 accepted, 1 silent. 4 replays: 2 accepted. */
    @Test
    void everyRateByHand() {
        add(7, null, Answer.BONA_FIDE);
        add(2, null, Answer.ATTACK);
        add(1, null, Answer.NONE);
        add(6, "print", Answer.ATTACK);
        add(1, "print", Answer.BONA_FIDE);
        add(1, "print", Answer.NONE);
        add(2, "replay", Answer.ATTACK);
        add(2, "replay", Answer.BONA_FIDE);

        HardEvaluation e = HardEvaluation.of("test", decisions);

        assertThat(e.accuracy()).isCloseTo(15 / 22.0, within(EXACT));
        assertThat(e.hter().orElseThrow()).isCloseTo((4 / 12.0 + 3 / 10.0) / 2, within(EXACT));
        assertThat(e.apcer().orElseThrow().byAttack().get("print")).isEqualTo(new Rate(1, 8));
        assertThat(e.apcer().orElseThrow().maximum()).isEqualTo(0.5);
        assertThat(e.apcer().orElseThrow().worstAttack()).isEqualTo("replay");
        assertThat(e.apcer().orElseThrow().pooled()).isEqualTo(new Rate(3, 12));
        assertThat(e.bpcer()).contains(new Rate(2, 10));
        assertThat(e.acer().orElseThrow()).isCloseTo(0.35, within(EXACT));
        assertThat(e.apnrr()).contains(new Rate(1, 12));
        assertThat(e.bpnrr()).contains(new Rate(1, 10));
        assertThat(e.toMap())
                .containsEntry("bona_fide", 10)
                .containsEntry("attacks", 12)
                .containsEntry("apcer", 0.5)
                .containsEntry("apcer_worst_attack", "replay")
                .containsEntry("bpnrr", 0.1);
        assertThat(e.toString())
                .contains("APCER, maximum")
                .contains("0.5000 (replay)")
                .contains("10 bona fide, 12 attacks");
    }

    @Test
    void aSetOfOneClassHasWhatItCanHave() {
        add(3, null, Answer.BONA_FIDE);
        add(1, null, Answer.ATTACK);

        HardEvaluation e = HardEvaluation.of("live", decisions);

        assertThat(e.accuracy()).isEqualTo(0.75);
        assertThat(e.bpcer()).contains(new Rate(1, 4));
        assertThat(e.hter()).isEmpty();
        assertThat(e.acer()).isEmpty();
        assertThat(e.apcer()).isEmpty();
        assertThat(e.toMap()).doesNotContainKeys("hter", "acer", "apcer");
        assertThatThrownBy(() -> HardEvaluation.of("none", List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("'none' has no decisions");
    }

    @Test
    void anAttackWithoutATypeIsUnspecified() {
        add(2, " ", Answer.BONA_FIDE);
        assertThat(HardEvaluation.of("s", decisions).apcer().orElseThrow().worstAttack())
                .isEqualTo(Sample.UNSPECIFIED);
    }
}
