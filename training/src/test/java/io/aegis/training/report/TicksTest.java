package io.aegis.training.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TicksTest {
    private static List<String> labels(List<Tick> ticks) {
        return ticks.stream().map(Tick::label).toList();
    }

    @Test
    void linearTicksAreRound() {
        assertThat(labels(Ticks.linear(0, 1, 5))).containsExactly("0", "0.2", "0.4", "0.6", "0.8", "1.0");
        assertThat(labels(Ticks.linear(0, 0.15, 4))).containsExactly("0", "0.05", "0.10", "0.15");
        assertThat(labels(Ticks.linear(1, 400, 8)))
                .containsExactly("50", "100", "150", "200", "250", "300", "350", "400");
        assertThat(labels(Ticks.linear(-0.3, 0.31, 5))).containsExactly("-0.2", "0", "0.2");
        assertThat(labels(Ticks.linear(0, 20000, 4))).containsExactly("0", "5k", "10k", "15k", "20k");
        assertThat(labels(Ticks.linear(0, 3e6, 3))).containsExactly("0", "1M", "2M", "3M");
        assertThat(labels(Ticks.linear(0, 3e-5, 3))).containsExactly("0", "1e-5", "2e-5", "3e-5");
        assertThat(labels(Ticks.linear(0, 2e15, 2))).containsExactly("0", "1e15", "2e15");
        assertThat(labels(Ticks.linear(100, 100.002, 2))).containsExactly("100.000", "100.001", "100.002");
    }

    @Test
    void logarithmicTicksArePowersWhereTheRangeHasThem() {
        assertThat(labels(Ticks.logarithmic(1e-3, 1, 6))).containsExactly("0.001", "0.01", "0.1", "1");
        assertThat(labels(Ticks.logarithmic(0.04, 3, 6))).containsExactly("0.05", "0.1", "0.2", "0.5", "1", "2");
        assertThat(labels(Ticks.logarithmic(3.1, 5.2, 6))).containsExactly("4", "5");
        assertThat(labels(Ticks.logarithmic(1.1, 1.5, 4))).containsExactly("1.1", "1.2", "1.3", "1.4", "1.5");
        assertThat(labels(Ticks.logarithmic(1e-7, 1e-4, 6))).containsExactly("1e-7", "1e-6", "1e-5", "1e-4");
        assertThat(labels(Ticks.logarithmic(1e-12, 1, 4))).containsExactly("1e-12", "1e-9", "1e-6", "0.001", "1");
    }

    @Test
    void numbersAreShort() {
        assertThat(Ticks.number(0)).isEqualTo("0");
        assertThat(Ticks.number(-0.0)).isEqualTo("0");
        assertThat(Ticks.number(100)).isEqualTo("100");
        assertThat(Ticks.number(0.123456)).isEqualTo("0.1235");
        assertThat(Ticks.number(-12345.6)).isEqualTo("-12350");
        assertThat(Ticks.number(1e-5)).isEqualTo("1e-5");
        assertThat(Ticks.number(1.5e7)).isEqualTo("1.5e7");
    }

    @Property(tries = 500)
    void linearTicksLieWithinAscendAndAreFew(
            @ForAll @DoubleRange(min = -1e6, max = 1e6) double low,
            @ForAll @DoubleRange(min = -3, max = 6) double exponent,
            @ForAll @IntRange(min = 3, max = 10) int wanted) {
        double span = Math.pow(10, exponent);
        List<Tick> ticks = Ticks.linear(low, low + span, wanted);
        assertThat(ticks).hasSizeBetween(1, wanted + 1);
        for (Tick t : ticks) {
            assertThat(t.value()).isBetween(low - span * 1e-6, low + span * (1 + 1e-6));
        }
        assertThat(ticks).extracting(Tick::value).isSorted().doesNotHaveDuplicates();
        assertThat(labels(ticks)).doesNotHaveDuplicates();
    }

    @Property(tries = 500)
    void logarithmicTicksLieWithinAscendAndAreFew(
            @ForAll @IntRange(min = -12, max = 12) int power,
            @ForAll @DoubleRange(min = 1, max = 9.99) double digit,
            @ForAll @DoubleRange(min = 0.01, max = 20) double decades) {
        double low = digit * Math.pow(10, power);
        double high = low * Math.pow(10, decades);
        List<Tick> ticks = Ticks.logarithmic(low, high, 6);
        assertThat(ticks).hasSizeBetween(1, 10);
        for (Tick t : ticks) {
            assertThat(t.value()).isBetween(low * (1 - 1e-6), high * (1 + 1e-6));
        }
        assertThat(ticks).extracting(Tick::value).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void axesOfOneValueAreWidened() {
        assertThat(Axis.linear(5, 5, 4).low()).isEqualTo(2.5);
        assertThat(Axis.linear(5, 5, 4).high()).isEqualTo(7.5);
        assertThat(Axis.linear(0, 0, 4).fraction(0)).isEqualTo(0.5);
        assertThat(Axis.linear(-3, -3, 4).fraction(-3)).isEqualTo(0.5);
        assertThat(Axis.logarithmic(2, 2, 4).fraction(2)).isEqualTo(0.5);
        Axis rounded = Axis.rounded(0.07, 3.3, 4);
        assertThat(rounded.low()).isZero();
        assertThat(rounded.high()).isEqualTo(4);
        assertThat(Axis.logarithmic(0.01, 100, 4).fraction(1)).isEqualTo(0.5);
    }
}
