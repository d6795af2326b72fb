package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class ScoresTest {
    @Test
    void scoresMustBeFinite() {
        assertThatThrownBy(() -> Sample.bonaFide("a.png", Double.NaN, "W"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("score of a.png is NaN; a finite number is needed");
        assertThatThrownBy(() -> Sample.attack("", Double.POSITIVE_INFINITY, "print", "W"))
                .hasMessage("score of a sample is Infinity; a finite number is needed");
        assertThatThrownBy(() ->
                        Scores.of("dev", Split.DEVELOPMENT, new double[] {0, Double.NaN}, new boolean[] {true, false}))
                .hasMessage("score of dev[1] is NaN; a finite number is needed");
    }

    @Test
    void labelsAndAttackTypesAgree() {
        assertThatThrownBy(() -> new Sample("a", 1, true, "print", ""))
                .hasMessage("a is bona fide but has attack type 'print'");
        assertThatThrownBy(() -> new Sample("a", 1, false, "", ""))
                .hasMessage("a is an attack without a type; use 'unspecified' when it is not known");
        assertThat(Sample.attack("a", 1, " ", "").attack()).isEqualTo("unspecified");
        assertThatThrownBy(() -> Scores.of("x", Split.TEST, new double[2], new boolean[3]))
                .hasMessage("'x': 2 scores but 3 labels");
    }

    @Test
    void groupsKeepEverySampleOnce() {
        Scores scores = new Scores(
                "test",
                Split.TEST,
                List.of(
                        Sample.bonaFide("1", .9, "W"),
                        Sample.attack("2", .1, "replay", "W"),
                        Sample.attack("3", .2, "print", "C"),
                        Sample.attack("4", .3, "print", "W")));
        assertThat(scores.bonaFide()).isEqualTo(1);
        assertThat(scores.attacks()).isEqualTo(3);
        assertThat(scores.bonaFideScores()).containsExactly(.9);
        assertThat(scores.attackScores()).containsExactly(.1, .2, .3);
        assertThat(scores.scoresByAttack()).containsOnlyKeys("print", "replay");
        assertThat(scores.scoresByAttack().get("print")).containsExactly(.2, .3);
        assertThat(scores.byDomain()).containsOnlyKeys("C", "W");
        assertThat(scores.byDomain().get("W").name()).isEqualTo("test/W");
        assertThat(scores.byDomain().get("W").samples()).hasSize(3);
        assertThat(scores.as(Split.DEVELOPMENT).split()).isEqualTo(Split.DEVELOPMENT);
    }
}
