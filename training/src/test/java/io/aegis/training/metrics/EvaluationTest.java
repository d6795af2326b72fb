package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EvaluationTest {
    private static final Scores TEST = new Scores(
            "wmca",
            Split.TEST,
            List.of(
                    Sample.bonaFide("a", .9, "W"),
                    Sample.bonaFide("b", .7, "W"),
                    Sample.bonaFide("c", .6, "W"),
                    Sample.bonaFide("d", .2, "W"),
                    Sample.attack("e", .1, "print", "W"),
                    Sample.attack("f", .3, "print", "W"),
                    Sample.attack("g", .4, "print", "W"),
                    Sample.attack("h", .8, "mask", "W"),
                    Sample.attack("i", .5, "mask", "W")));
    private static final Threshold HALF = new Threshold(.5, "given");

    @Test
    void everyRateByHand() {
        Evaluation e = Evaluation.of(TEST, HALF);
        assertThat(e.apcer().byAttack()).containsOnlyKeys("mask", "print");
        // A score on the threshold is accepted.
        assertThat(e.apcer().byAttack().get("mask")).isEqualTo(new Rate(2, 2));
        assertThat(e.apcer().byAttack().get("print")).isEqualTo(new Rate(0, 3));
        assertThat(e.apcer().maximum()).isEqualTo(1);
        assertThat(e.apcer().worstAttack()).isEqualTo("mask");
        assertThat(e.apcer().pooled()).isEqualTo(new Rate(2, 5));
        assertThat(e.bpcer()).isEqualTo(new Rate(1, 4));
        assertThat(e.acer()).isEqualTo((1 + .25) / 2);
        assertThat(e.hter()).isCloseTo((.4 + .25) / 2, within(1e-15));
        assertThat(e.accuracy()).isCloseTo(6.0 / 9, within(1e-15));
        assertThat(e.auc()).isEqualTo((5 + 4 + 4 + 1) / 20.0);
        assertThat(e.tprAtFpr()).containsExactly(Map.entry(.1, .25), Map.entry(.01, .25), Map.entry(.001, .25));
        assertThat(e.split()).isEqualTo(Split.TEST);
    }

    @Test
    void printsATable() {
        assertThat(Evaluation.of(TEST, HALF)).hasToString("""
                        wmca (test)
                          samples              4 bona fide, 5 attacks
                          threshold            0.500000, given
                          AUC                  0.7000
                          EER                  0.2500
                          HTER                 0.3250
                          ACER                 0.6250
                          BPCER                0.2500 (1/4)
                          APCER, maximum       1.0000 (mask)
                          APCER, mask          1.0000 (2/2)
                          APCER, print         0.0000 (0/3)
                          TPR at FPR <= 0.1    0.2500
                          TPR at FPR <= 0.01   0.2500
                          TPR at FPR <= 0.001  0.2500
                          accuracy             0.6667""");
    }

    @Test
    void mapsToPlainFiniteValues() {
        Map<String, Object> map = Evaluation.of(TEST, HALF).toMap();
        assertThat(map)
                .containsEntry("name", "wmca")
                .containsEntry("split", "test")
                .containsEntry("threshold", .5)
                .containsEntry("threshold_origin", "given")
                .containsEntry("apcer", 1.0)
                .containsEntry("apcer_worst_attack", "mask")
                .containsEntry("acer", .625)
                .containsEntry("tpr_at_fpr", Map.of("0.1", .25, "0.01", .25, "0.001", .25));
        assertThat(map.get("apcer_by_attack"))
                .isEqualTo(Map.of(
                        "mask", Map.of("apcer", 1.0, "accepted", 2, "total", 2),
                        "print", Map.of("apcer", 0.0, "accepted", 0, "total", 3)));
        assertPlain(map);
    }

    @Test
    void oneClassIsRefused() {
        Scores live = new Scores("l", Split.TEST, List.of(Sample.bonaFide("a", 1, "")));
        assertThatThrownBy(() -> Evaluation.of(live, HALF)).hasMessageContaining("both classes are needed");
        assertThatThrownBy(() -> Apcer.of(live, HALF)).hasMessageContaining("has no attack samples");
        assertThatThrownBy(() -> new Rate(1, 0)).hasMessage("1 errors of 0 is no rate");
    }

    private static void assertPlain(Map<?, ?> map) {
        map.forEach((key, value) -> {
            assertThat(key).isInstanceOf(String.class);
            switch (value) {
                case Map<?, ?> inner -> assertPlain(inner);
                case Double number -> assertThat(number).isFinite();
                default -> assertThat(value).isInstanceOfAny(String.class, Integer.class);
            }
        });
    }
}
