package io.aegis.models.llama;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StopStringsTest {
    @Test
    void whatMayBeTheBeginningOfAStopIsHeldBack() {
        StopStrings stops = new StopStrings(List.of("###"));
        assertThat(stops.accept("a#")).isEqualTo("a");
        assertThat(stops.accept("#b")).isEqualTo("##b");
        assertThat(stops.accept("c##")).isEqualTo("c");
        assertThat(stops.found()).isFalse();
        assertThat(stops.accept("#d")).isEmpty();
        assertThat(stops.found()).isTrue();
        assertThat(stops.accept("more")).isEmpty();
        assertThat(stops.rest()).isEmpty();
    }

    @Test
    void whatWasHeldBackComesOutAtTheEnd() {
        StopStrings stops = new StopStrings(List.of("</s>"));
        assertThat(stops.accept("x</")).isEqualTo("x");
        assertThat(stops.rest()).isEqualTo("</");
    }

    @Test
    void theFirstOfSeveralDecides() {
        StopStrings stops = new StopStrings(List.of("STOP", "!", "TO"));
        assertThat(stops.accept("a STO")).isEqualTo("a S");
        assertThat(stops.found()).isTrue();
    }

    /** However the text is cut, what comes through is what stands before the first stop. */
    @Test
    void piecesDoNotMatter() {
        SplittableRandom random = new SplittableRandom(1);
        List<String> stops = List.of("aab", "bb", "abab");
        for (int trial = 0; trial < 2000; trial++) {
            StringBuilder text = new StringBuilder();
            StringBuilder shown = new StringBuilder();
            StopStrings finder = new StopStrings(stops);
            while (text.length() < 12) {
                StringBuilder piece = new StringBuilder();
                for (int i = random.nextInt(4); i > 0; i--) {
                    piece.append((char) ('a' + random.nextInt(3)));
                }
                text.append(piece);
                shown.append(finder.accept(piece.toString()));
            }
            int first = stops.stream()
                    .mapToInt(text::indexOf)
                    .filter(i -> i >= 0)
                    .min()
                    .orElse(-1);
            assertThat(finder.found()).as(text.toString()).isEqualTo(first >= 0);
            if (first < 0) {
                assertThat(shown + finder.rest()).isEqualTo(text.toString());
            } else {
                // A stop that ends earlier may hide one that begins earlier.
                assertThat(text.toString()).startsWith(shown.toString());
                assertThat(stops).noneMatch(s -> shown.indexOf(s) >= 0);
                assertThat(shown.length()).isGreaterThanOrEqualTo(first);
            }
        }
    }
}
