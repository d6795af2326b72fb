package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScheduleTest {
    @Test
    void constantStays() {
        assertThat(new Schedule.Constant().factor(99, 100, 0)).isEqualTo(1);
    }

    @Test
    void cosineFallsFromOneToItsFloor() {
        Schedule cosine = new Schedule.Cosine(0.1);
        assertThat(cosine.factor(0, 100)).isEqualTo(1);
        assertThat(cosine.factor(50, 100)).isCloseTo(0.55, within(1e-12));
        assertThat(cosine.factor(100, 100)).isCloseTo(0.1, within(1e-12));
    }

    @Test
    void stepFallsAtEachBorder() {
        Schedule step = new Schedule.Step(10, 0.5);
        assertThat(step.factor(9, 100)).isEqualTo(1);
        assertThat(step.factor(10, 100)).isEqualTo(0.5);
        assertThat(step.factor(29, 100)).isEqualTo(0.25);
    }

    @Test
    void warmUpRisesInALineAndTheScheduleBeginsBehindIt() {
        Schedule cosine = new Schedule.Cosine(0);
        assertThat(cosine.factor(0, 104, 4)).isEqualTo(0.2);
        assertThat(cosine.factor(3, 104, 4)).isEqualTo(0.8);
        assertThat(cosine.factor(4, 104, 4)).isEqualTo(1);
        assertThat(cosine.factor(54, 104, 4)).isCloseTo(0.5, within(1e-12));
    }

    @Test
    void transformersWarmUpBeginsAtZero() {
        Schedule cosine = new Schedule.Cosine(0);
        assertThat(cosine.factorFromZero(0, 104, 4)).isZero();
        assertThat(cosine.factorFromZero(3, 104, 4)).isEqualTo(0.75);
        assertThat(cosine.factorFromZero(4, 104, 4)).isEqualTo(1);
        assertThat(cosine.factorFromZero(54, 104, 4)).isCloseTo(0.5, within(1e-12));
        assertThat(cosine.factorFromZero(0, 10, 0)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"constant", "cosine:0.0", "cosine:0.25", "step:7:0.1"})
    void readsWhatItWrites(String text) {
        assertThat(Schedule.parse(text)).hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "linear", "cosine:x", "cosine:2", "step", "step:0:0.1", "step:5:0", "constant:1"})
    void refusesOthers(String text) {
        assertThatThrownBy(() -> Schedule.parse(text))
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("schedule")
                .hasMessageContaining("expected");
    }
}
