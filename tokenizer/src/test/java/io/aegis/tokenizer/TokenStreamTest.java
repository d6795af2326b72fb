package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Streamed text is whole characters, and joined it is the decoded text. */
class TokenStreamTest {
    @TempDir
    Path folder;

    private static String utf8(int... bytes) {
        Utf8Decoder decoder = new Utf8Decoder();
        StringBuilder out = new StringBuilder();
        for (int b : bytes) {
            decoder.accept(b, out);
        }
        decoder.finish(out);
        return out.toString();
    }

    /** Unicode 16, section 3.9, tables 3-8 to 3-11. */
    @ParameterizedTest
    @CsvSource({
        "C0 AF E0 80 BF F0 81 82 41, ????????A",
        "ED A0 80 ED BF BF ED AF 41, ????????A",
        "F4 91 92 93 FF 41 80 BF 42, ?????A??B",
        "E1 80 E2 F0 91 92 F1 BF 41, ????A",
        "F0 9F 98, ?",
        "C3 C3 A9, ?é"
    })
    void eachMaximalSubpartIsOneReplacement(String bytes, String expected) {
        int[] values = java.util.Arrays.stream(bytes.split(" "))
                .mapToInt(b -> Integer.parseInt(b, 16))
                .toArray();
        assertThat(utf8(values)).isEqualTo(expected.replace('?', '\ufffd'));
    }

    @Test
    void aCharacterWaitsUntilItIsWhole() throws Exception {
        Tokenizer t = Tokenizer.open(Files.writeString(
                folder.resolve("tokenizer.json"), new BpeTrainer(256, List.of(), null).train(List.of())));
        TokenStream stream = t.stream(false);
        List<String> parts = new ArrayList<>();
        for (int id : t.encode("é😀a", false)) {
            parts.add(stream.next(id));
        }
        assertThat(parts).containsExactly("", "é", "", "", "", "😀", "a");
        assertThat(stream.next(t.encode("é", false)[0])).isEmpty();
        assertThat(stream.finish()).isEqualTo("\ufffd");
    }

    @Test
    void aRunOfByteTokensIsTextAsAWholeOrNotAtAll() {
        Tokenizer t = Json.open(folder, Json.vocabulary("▁a", "<0xC3>", "<0xA9>", "b") + "'merges':[]", """
                'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':'▁'},'content':' '},
                {'type':'ByteFallback'},{'type':'Fuse'},{'type':'Strip','content':' ','start':1,'stop':0}]},
                """);
        TokenStream stream = t.stream(false);
        List<String> parts = new ArrayList<>();
        for (int id : new int[] {0, 0, 1, 2, 3, 1, 2, 2}) {
            parts.add(stream.next(id));
        }
        assertThat(parts).containsExactly("a", " a", "", "", "éb", "", "", "");
        assertThat(stream.finish()).isEqualTo("\ufffd\ufffd\ufffd");
    }

    @Property(tries = 300)
    void stripOfPiecesIsStripOfTheWhole(
            @ForAll List<@net.jqwik.api.constraints.CharRange(from = 'a', to = 'b') Character> text) {
        Decoder.Strip strip = new Decoder.Strip('a', 2, 3);
        StringBuilder whole = new StringBuilder();
        text.forEach(whole::append);
        StringBuilder got = new StringBuilder();
        DecoderStage sink = new DecoderStage() {
            @Override
            public void accept(String token) {
                got.append(token);
            }

            @Override
            public void finish() {
                got.append('|');
            }
        };
        DecoderStage pieces = new Decoder.Sequence(List.of(new Decoder.Fuse(), strip)).begin(sink);
        text.forEach(c -> pieces.accept(c.toString()));
        pieces.finish();
        String streamed = got.toString();
        got.setLength(0);
        DecoderStage once = strip.begin(sink);
        once.accept(whole.toString());
        once.finish();
        assertThat(streamed).isEqualTo(got.toString());
    }

    @Test
    void withoutADecoderTokensStandApart() {
        Tokenizer t = Json.open(folder, Json.vocabulary("a", "b") + "'merges':[]", "");
        assertThat(t.decode(new int[] {0, 1, 0}, false)).isEqualTo("a b a");
    }

    @Test
    void stepsBehindTheJoiningOneSeeOneToken() {
        Tokenizer t = Json.open(
                folder,
                Json.vocabulary("a", "b") + "'merges':[]",
                "'decoder':{'type':'Sequence','decoders':[{'type':'Fuse'},{'type':'Replace','pattern':{'String':'ab'},'content':'X'}]},");
        assertThat(t.decode(new int[] {0, 1, 0}, false)).isEqualTo("Xa");
    }
}
