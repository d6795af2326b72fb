package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HoldOutTest {
    @Property(tries = 200)
    void dividesEachDomainAndLabel(
            @ForAll @IntRange(min = 2, max = 30) int live,
            @ForAll @IntRange(min = 2, max = 30) int attacks,
            @ForAll @DoubleRange(min = 0.01, max = 0.99) double share,
            @ForAll long seed) {
        Split all = Samples.split(Samples.domain("a", live, attacks), Samples.domain("b", attacks, live));
        HoldOut parts = HoldOut.of(all, share, seed);
        assertThat(ids(parts.train().samples()))
                .doesNotContainAnyElementsOf(ids(parts.development().samples()));
        assertThat(parts.train().size() + parts.development().size()).isEqualTo(all.size());
        for (String domain : List.of("a", "b")) {
            for (Label label : Label.values()) {
                int n = domain.equals("a") == (label == Label.BONA_FIDE) ? live : attacks;
                assertThat(parts.development().samples().stream()
                                .filter(s -> s.domain().equals(domain) && s.label() == label))
                        .hasSize(Math.clamp(Math.round(share * n), 1, n - 1));
            }
        }
    }

    @Property(tries = 100)
    void subjectsStayTogether(
            @ForAll @IntRange(min = 4, max = 12) int subjects,
            @ForAll @IntRange(min = 1, max = 4) int pictures,
            @ForAll long seed) {
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < subjects * pictures * 2; i++) {
            Label label = i % 2 == 0 ? Label.BONA_FIDE : Label.ATTACK;
            samples.add(Samples.of("p" + i, label, "a", "s" + i / 2 % subjects));
        }
        HoldOut parts = HoldOut.of(new Split("x", samples), 0.3, seed);
        Set<String> held =
                parts.development().samples().stream().map(Sample::subject).collect(Collectors.toSet());
        assertThat(parts.train().samples()).noneMatch(s -> held.contains(s.subject()));
        assertThat(held).hasSize((int) Math.round(0.3 * subjects));
    }

    @Test
    void doesNotDependOnTheOrder() {
        List<Sample> samples = Samples.domain("a", 20, 20);
        Set<String> held =
                ids(HoldOut.of(new Split("x", samples), 0.25, 7).development().samples());
        List<Sample> other = new ArrayList<>(samples);
        Collections.shuffle(other, new Random(1));
        assertThat(ids(HoldOut.of(new Split("y", other), 0.25, 7).development().samples()))
                .isEqualTo(held);
    }

    @Test
    void keepsTheOrderOfTheSamples() {
        Split all = Samples.split(Samples.domain("a", 9, 9));
        HoldOut parts = HoldOut.of(all, 0.5, 3);
        for (Split part : List.of(parts.train(), parts.development())) {
            assertThat(part.samples())
                    .isSortedAccordingTo((p, q) -> Integer.compare(
                            all.samples().indexOf(p), all.samples().indexOf(q)));
        }
    }

    @Test
    void followsTheSeed() {
        Split all = Samples.split(Samples.domain("a", 30, 30));
        assertThat(HoldOut.of(all, 0.5, 1)).isEqualTo(HoldOut.of(all, 0.5, 1)).isNotEqualTo(HoldOut.of(all, 0.5, 2));
    }

    /** The same subjects as ever, whatever changes in the code: a resumed run must not move them. */
    @Test
    void known() {
        assertThat(ids(HoldOut.of(Samples.split(Samples.domain("a", 5, 5)), 0.4, 1)
                        .development()
                        .samples()))
                .containsExactlyInAnyOrder("a2", "a3", "a7", "a8");
    }

    @Test
    void bothPartsNeedBothLabels() {
        Split all = Samples.split(Samples.domain("a", 1, 8));
        assertThatThrownBy(() -> HoldOut.of(all, 0.25, 0))
                .isInstanceOf(DataException.class)
                .hasMessage("faces: divided by subject, the development part has 0 bona fide samples and 2 attacks;"
                        + " expected some of each, which takes at least two subjects of each");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1, -0.5, Double.NaN})
    void sharesAreBetweenNothingAndAll(double share) {
        Split all = Samples.split(Samples.domain("a", 2, 2));
        assertThatThrownBy(() -> HoldOut.of(all, share, 0))
                .isInstanceOf(DataException.class)
                .hasMessage("development share " + share + "; expected a number between 0 and 1");
    }

    private static Set<String> ids(List<Sample> samples) {
        return samples.stream().map(Sample::id).collect(Collectors.toSet());
    }
}
