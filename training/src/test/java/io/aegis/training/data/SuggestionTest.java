package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LowerChars;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SuggestionTest {
    @ParameterizedTest
    @CsvSource({"label,label,0", "lable,label,1", "labl,label,1", "'',abc,3", "kitten,sitting,3", "ca,abc,3"})
    void distances(String a, String b, int expected) {
        assertThat(Suggestion.distance(a, b)).isEqualTo(expected);
    }

    @Property(tries = 200)
    void distanceIsSymmetricAndBounded(
            @ForAll @LowerChars @StringLength(max = 6) String a, @ForAll @LowerChars @StringLength(max = 6) String b) {
        assertThat(Suggestion.distance(a, b))
                .isEqualTo(Suggestion.distance(b, a))
                .isBetween(Math.abs(a.length() - b.length()), Math.max(a.length(), b.length()));
        assertThat(Suggestion.distance(a, b) == 0).isEqualTo(a.equals(b));
    }

    @Test
    void onlyNearNames() {
        assertThat(Suggestion.of("LABLE", List.of("domain", "label"))).isEqualTo("; did you mean 'label'?");
        assertThat(Suggestion.of("zebra", List.of("domain", "label"))).isEmpty();
    }
}
