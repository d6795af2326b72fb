package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where Oniguruma and Java read one pattern differently, the translation reads it as Oniguruma; what it cannot, it refuses. */
class OnigurumaPatternTest {
    private static String cut(String pattern, String text) {
        StringBuilder out = new StringBuilder();
        int[] matches = new OnigurumaPattern(pattern).matches(text);
        for (int i = 0; i < matches.length; i += 2) {
            out.append('(').append(text, matches[i], matches[i + 1]).append(')');
        }
        return out.toString();
    }

    @ParameterizedTest
    @CsvSource({
        "'\\s+', 'a\u00a0\u2003b\u0085', '(\u00a0\u2003)(\u0085)'",
        "'\\h+', 'a0 xyzF', '(a0)(F)'",
        "'[^(\\s|[.,])]+', 'ab|c, d', '(ab)(c)(d)'",
        "'x{,2}y', 'xxxyy', '(xxy)(y)'",
        "'\\w', '½a', '(½)(a)'",
        "'[\\w]', '½a', '(a)'",
        "'[a-z]+\\b', 'a² b', '(b)'",
        "'(?i:is)', 'İſ Is iſ ıs', '(Is)(iſ)'",
        "'(?i:[h-j])', 'İıiJ', '(i)(J)'",
        "'(?<=\\p{L})1', '\ud835\udd041 1', '(1)'",
        "'\\v', 'a\u000b\n', '\u000b'"
    })
    void asOniguruma(String pattern, String text, String expected) {
        String got = cut(pattern, text);
        assertThat(expected.contains("(") ? got : got.replaceAll("[()]", "")).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "^a", "a$", "\\Rx", "\\G", "[[:alpha:]]+", "[a&&b]", "a{2}?", "\\p{Alpha}+", "(?<n>a)", "\\1",
                        "[^\\W\\d]", "(?i:ß)",
                "(?i:ss)", "(?i:\\p{L})", "(a", "a)", "[a", "*a", "a**", "\\x{110000}", "\\xff", "a\\", "(?i-m:a)",
                        "a(?i)b",
                "[[^a]b]", "\\p{L", "a{x}", "[z-a]", "(?=a)*", "(?#x)a"
            })
    void refusedWithTheReason(String pattern) {
        assertThatThrownBy(() -> new OnigurumaPattern(pattern))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the pattern " + pattern + " has, at character ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"x*", "a|", "(?=a)"})
    void whatMatchesNothingCutsNowhere(String pattern) {
        assertThatThrownBy(() -> new OnigurumaPattern(pattern)).hasMessageContaining("can match nothing at all");
    }

    @Test
    void nestingWithoutEndIsRefused() {
        assertThatThrownBy(() -> new OnigurumaPattern("(".repeat(100_000)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("something that is not supported: a group of this kind");
        assertThatThrownBy(() -> new OnigurumaPattern("[".repeat(100_000)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("something that is not supported: this in a class");
    }

    @Test
    void aTextTooLongForAPatternIsSaidToBe() {
        assertThatThrownBy(() -> new OnigurumaPattern("(?:a|b)+").matches("ab".repeat(1 << 20)))
                .isInstanceOf(TokenizerException.class)
                .hasMessage("a text of 2097152 characters is too long for the pattern (?:a|b)+");
    }
}
