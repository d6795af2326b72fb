package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Pattern;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** The scanners cut where the patterns that they stand for match. */
class ScannerTest {
    private static final int UNICODE = Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNICODE_CASE;

    private static final Pattern LLAMA3 = Pattern.compile(LlamaScanner.LLAMA3, UNICODE);
    private static final Pattern QWEN2 = Pattern.compile(LlamaScanner.QWEN2, UNICODE);
    private static final Pattern GPT2 = Pattern.compile(Gpt2Scanner.GPT2, UNICODE);

    @Provide
    Arbitrary<String> texts() {
        return Texts.any().map(Unicode::wellFormed);
    }

    private static int[] matches(Pattern pattern, String text) {
        IntList out = new IntList();
        var m = pattern.matcher(text);
        while (m.find()) {
            out.add(m.start());
            out.add(m.end());
        }
        return out.toArray();
    }

    @Property(tries = 2000)
    void llama3(@ForAll("texts") String text) {
        assertThat(new LlamaScanner(3).matches(text)).isEqualTo(matches(LLAMA3, text));
    }

    @Property(tries = 500)
    void qwen2(@ForAll("texts") String text) {
        assertThat(new LlamaScanner(1).matches(text)).isEqualTo(matches(QWEN2, text));
    }

    @Property(tries = 2000)
    void gpt2(@ForAll("texts") String text) {
        assertThat(new Gpt2Scanner().matches(text)).isEqualTo(matches(GPT2, text));
    }

    /** The classes that the scanners ask for are those of the patterns, for every code point. */
    @Test
    void everyCodePoint() {
        Pattern letter = Pattern.compile("\\p{L}", UNICODE);
        Pattern number = Pattern.compile("\\p{N}", UNICODE);
        Pattern space = Pattern.compile("\\s", UNICODE);
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            String text = Character.toString(c);
            boolean same = Unicode.isLetter(c) == letter.matcher(text).matches()
                    && Unicode.isNumber(c) == number.matcher(text).matches()
                    && Unicode.isWhiteSpace(c) == space.matcher(text).matches();
            assertThat(same)
                    .as(() -> "U+" + Integer.toHexString(text.codePointAt(0)))
                    .isTrue();
        }
    }

    /** The translation of the same patterns, which takes the place of Java's Unicode flags, agrees as well. */
    @Property(tries = 1000)
    void translated(@ForAll("texts") String text) {
        assertThat(new OnigurumaPattern(LlamaScanner.LLAMA3).matches(text)).isEqualTo(matches(LLAMA3, text));
        assertThat(new OnigurumaPattern(Gpt2Scanner.GPT2).matches(text)).isEqualTo(matches(GPT2, text));
    }

    @Test
    void contractionsOfTheLongS() {
        assertThat(new LlamaScanner(3).matches("it'ſ 'S'rE")).containsExactly(0, 2, 2, 4, 4, 6, 6, 7, 7, 10);
    }
}
