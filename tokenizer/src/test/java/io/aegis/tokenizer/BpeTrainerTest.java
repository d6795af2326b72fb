package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** A learned vocabulary, and with it the byte-level tokenizer as a whole. */
class BpeTrainerTest {
    private static final List<String> SPECIALS = List.of("<|begin_of_text|>", "<|end_of_text|>", "<image>");
    private static final String JSON = new BpeTrainer(512, SPECIALS, "<|begin_of_text|>").train(Texts.CORPUS);
    private static final Tokenizer TOKENIZER = open(JSON);

    private static Tokenizer open(String json) {
        try {
            Path file = Files.createTempFile("tokenizer", ".json");
            try {
                return Tokenizer.open(Files.writeString(file, json));
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Provide
    Arbitrary<String> texts() {
        return Texts.any();
    }

    @Test
    void hasTheSizeAndTheSpecialTokensAskedFor() {
        assertThat(TOKENIZER.size()).isEqualTo(512);
        assertThat(TOKENIZER.id("<|begin_of_text|>")).hasValue(509);
        assertThat(TOKENIZER.bos()).hasValue(509);
        assertThat(TOKENIZER.eos()).hasValue(510);
        assertThat(TOKENIZER.isSpecial(511)).isTrue();
        assertThat(TOKENIZER.encode("", true)).containsExactly(509);
        assertThat(TOKENIZER.encode("a<image>", false)).endsWith(511);
    }

    @Test
    void learnsWhatIsFrequent() {
        assertThat(TOKENIZER.encode(" the face", false)).hasSize(2);
        assertThat(TOKENIZER.id("Ġface")).isPresent();
    }

    @Test
    void theSameTextsGiveTheSameFile() {
        assertThat(new BpeTrainer(512, SPECIALS, "<|begin_of_text|>").train(Texts.CORPUS))
                .isEqualTo(JSON);
    }

    @Test
    void tiesGoToTheLowerIds() {
        Tokenizer t = open(new BpeTrainer(258, List.of(), null).train(List.of("zy", "ab", "")));
        assertThat(t.token(256)).isEqualTo("ab");
        assertThat(t.token(257)).isEqualTo("zy");
    }

    @Test
    void fewTextsGiveFewerTokens() {
        assertThat(open(new BpeTrainer(1000, List.of("<e>"), null).train(List.of("aaaa")))
                        .size())
                .isEqualTo(256 + 2 + 1);
    }

    @Test
    void whatCannotBeIsRefused() {
        assertThatThrownBy(() -> new BpeTrainer(256, SPECIALS, null))
                .hasMessage("256 tokens are too few for 256 bytes and 3 special tokens");
        assertThatThrownBy(() -> new BpeTrainer(300, List.of("a", "a"), null))
                .hasMessageContaining("must be different");
        assertThatThrownBy(() -> new BpeTrainer(300, SPECIALS, "<s>")).hasMessageContaining("\"<s>\" is not among");
    }

    @Property(tries = 500)
    void everyTextComesBack(@ForAll("texts") String text) {
        assertThat(TOKENIZER.decode(TOKENIZER.encode(text, false), false)).isEqualTo(Unicode.wellFormed(text));
    }

    @Property(tries = 500)
    void placesCoverTheTextInOrder(@ForAll("texts") String text) {
        Encoding e = TOKENIZER.encoding(text, false);
        int at = 0;
        for (int i = 0; i < e.length(); i++) {
            assertThat(e.starts()[i]).isLessThanOrEqualTo(at);
            assertThat(e.ends()[i]).isGreaterThanOrEqualTo(at).isGreaterThan(e.starts()[i]);
            at = e.ends()[i];
        }
        assertThat(at).isEqualTo(text.length());
    }

    /** The heap gives what looking for the lowest rank again and again gives. */
    @Property(tries = 300)
    void asByTheDefinition(@ForAll("texts") String text) {
        List<Integer> want = new ArrayList<>();
        String whole = Unicode.wellFormed(text);
        int[] cuts = new LlamaScanner(3).matches(whole);
        for (int i = 0; i < cuts.length; i += 2) {
            want.addAll(naive(whole.substring(cuts[i], cuts[i + 1])));
        }
        assertThat(java.util.Arrays.stream(TOKENIZER.encode(text, false))
                        .boxed()
                        .toList())
                .isEqualTo(want);
    }

    /** The rank of a merge is the order of its token; each token is made in one way. */
    private static final Map<String, Integer> RANKS = ranks();

    private static Map<String, Integer> ranks() {
        Map<String, Integer> ranks = new HashMap<>();
        try {
            for (var merge : JsonFields.MAPPER.readTree(JSON).path("model").path("merges")) {
                ranks.put(merge.textValue(), ranks.size());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return ranks;
    }

    private static List<Integer> naive(String word) {
        List<String> symbols = new ArrayList<>(ByteAlphabet.map(Text.of(word))
                .chars()
                .chars()
                .mapToObj(Character::toString)
                .toList());
        while (true) {
            int best = -1;
            int lowest = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < symbols.size(); i++) {
                int rank = RANKS.getOrDefault(symbols.get(i) + " " + symbols.get(i + 1), Integer.MAX_VALUE);
                if (rank < lowest) {
                    lowest = rank;
                    best = i;
                }
            }
            if (best < 0) {
                return symbols.stream().map(s -> TOKENIZER.id(s).orElseThrow()).toList();
            }
            symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
        }
    }
}
