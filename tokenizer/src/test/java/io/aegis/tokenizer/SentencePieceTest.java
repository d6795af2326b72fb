package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** SentencePiece models: merged by score, with bytes for the rest; whatever is no model is refused. */
class SentencePieceTest {
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER = 4;
    private static final int UNUSED = 5;
    private static final int BYTE = 6;

    @TempDir
    Path folder;

    /** Writes a message. */
    private interface Fields {
        void write(CodedOutputStream out) throws IOException;
    }

    private static byte[] message(Fields fields) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            CodedOutputStream out = CodedOutputStream.newInstance(bytes);
            fields.write(out);
            out.flush();
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A model under construction. */
    private static final class Builder {
        private final List<byte[]> pieces = new ArrayList<>();
        private int type = 2;
        private boolean collapse;
        private String rules = "";

        Builder piece(String text, float score, int kind) {
            pieces.add(message(out -> {
                out.writeString(1, text);
                out.writeFloat(2, score);
                out.writeInt32(3, kind);
            }));
            return this;
        }

        Builder pieces(String... texts) {
            for (String text : texts) {
                piece(text, -pieces.size(), 1);
            }
            return this;
        }

        Builder bytes() {
            for (int b = 0; b < 256; b++) {
                piece(String.format("<0x%02X>", b), 0, BYTE);
            }
            return this;
        }

        byte[] build() {
            return message(out -> {
                for (byte[] piece : pieces) {
                    out.writeByteArray(1, piece);
                }
                out.writeByteArray(2, message(trainer -> {
                    trainer.writeInt32(3, type);
                    trainer.writeString(7, "skipped");
                }));
                out.writeByteArray(3, message(normalizer -> {
                    normalizer.writeString(1, "identity");
                    normalizer.writeByteArray(2, rules.getBytes());
                    normalizer.writeBool(4, collapse);
                }));
            });
        }
    }

    private Builder model;

    @BeforeEach
    void begin() {
        model = new Builder()
                .piece("<unk>", 0, UNKNOWN)
                .piece("<s>", 0, CONTROL)
                .piece("</s>", 0, CONTROL);
    }

    private Tokenizer open(byte[] bytes) {
        try {
            return Tokenizer.open(Files.write(folder.resolve("tokenizer.model"), bytes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String tokens(Tokenizer t, String text) {
        List<String> out = new ArrayList<>();
        for (int id : t.encode(text, false)) {
            out.add(t.token(id));
        }
        return String.join("|", out);
    }

    @Test
    void theHighestScoreIsMergedFirstAndTheLeftmostOnTies() {
        Tokenizer t = open(model.pieces("▁", "a", "b", "c", "bc", "ab", "abc")
                .piece("ca", -5, 1)
                .piece("aa", -5, 1)
                .build());
        assertThat(tokens(t, "abc")).isEqualTo("▁|abc");
        assertThat(tokens(t, "abab")).isEqualTo("▁|ab|ab");
        assertThat(tokens(t, "aaa")).isEqualTo("▁|aa|a");
        assertThat(t.encode("a", true)).containsExactly(1, 3, 4);
        assertThat(t.bos()).hasValue(1);
        assertThat(t.eos()).hasValue(2);
        assertThat(t.decode(t.encode(" a b", false), false)).isEqualTo(" a b");
    }

    @Test
    void aCharacterThatIsNoPieceMayBePartOfOne() {
        Tokenizer t = open(model.bytes().pieces("▁", "ab").build());
        assertThat(tokens(t, "ab")).isEqualTo("▁|ab");
        assertThat(tokens(t, "ba")).isEqualTo("▁|<0x62>|<0x61>");
        assertThat(t.decode(t.encode("ba é\ud83d\ude00", false), false)).isEqualTo("ba é😀");
    }

    @Test
    void unknownCharactersSideBySideAreOne() {
        Tokenizer t = open(model.pieces("▁", "a").build());
        assertThat(tokens(t, "xya z")).isEqualTo("▁|<unk>|a|▁|<unk>");
        assertThat(t.encoding("xya", false).starts()).containsExactly(0, 0, 2);
        assertThat(t.encoding("xya", false).ends()).containsExactly(1, 2, 3);
    }

    @Test
    void userDefinedPiecesAreNeitherSplitNorMerged() {
        Tokenizer t = open(model.pieces("▁", "a", "b", "bc", "▁a")
                .piece("ab", 0, USER)
                .piece("abb", 0, USER)
                .build());
        assertThat(tokens(t, "abc")).isEqualTo("▁|ab|<unk>");
        assertThat(tokens(t, "abbab")).isEqualTo("▁|abb|ab");
        assertThat(tokens(t, "a")).isEqualTo("▁a");
    }

    @Test
    void unusedPiecesAreTakenApartAgain() {
        Tokenizer t = open(model.pieces("▁", "a", "b", "c")
                .piece("ab", -10, UNUSED)
                .piece("abc", -11, UNUSED)
                .piece("abcc", -12, 1)
                .build());
        assertThat(tokens(t, "ab")).isEqualTo("▁|a|b");
        assertThat(tokens(t, "abc")).isEqualTo("▁|a|b|c");
        assertThat(tokens(t, "abcc")).isEqualTo("▁|abcc");
    }

    @Test
    void aModelAloneFindsNoSpecialTokensInTexts() {
        Tokenizer t = open(model.pieces("▁", "<", "s", ">").build());
        assertThat(tokens(t, "<s>")).isEqualTo("▁|<|s|>");
        assertThat(t.isSpecial(1)).isTrue();
        assertThat(t.decode(new int[] {1, 5, 2}, true)).isEqualTo("s");
    }

    @Test
    void besideAConfigurationItFindsThoseListed() {
        Json.write(folder, "special_tokens_map.json", "{'bos_token':'<s>','eos_token':{'content':'</s>'}}");
        Json.write(folder, "added_tokens.json", "{'<image>':7}");
        open(model.pieces("▁", "a", "▁a", "<").build());
        Tokenizer t = Tokenizer.open(folder);
        assertThat(tokens(t, "a</s>a")).isEqualTo("▁a|</s>|▁a");
        assertThat(tokens(t, "<image>a")).isEqualTo("<image>|▁a");
        Json.write(folder, "tokenizer_config.json", "{'legacy':false,'add_bos_token':false}");
        Tokenizer first = Tokenizer.open(folder);
        assertThat(tokens(first, "a</s>a")).isEqualTo("▁a|</s>|a");
        assertThat(first.encode("a", true)).containsExactly(5);
    }

    @Test
    void spacesCollapseWhereTheModelSaysSo() {
        model.collapse = true;
        Tokenizer t = open(model.pieces("▁", "a").build());
        assertThat(tokens(t, "  a   a ")).isEqualTo("▁|a|▁|a");
        assertThat(tokens(t, "   ")).isEmpty();
    }

    @Provide
    Arbitrary<String> words() {
        return Arbitraries.strings().withChars("abc d").ofMaxLength(40);
    }

    /** The heap gives what looking for the best neighbours again and again gives. */
    @Property(tries = 300)
    void asByTheDefinition(@ForAll("words") String text, @ForAll long seed) {
        java.util.Random random = new java.util.Random(seed);
        Map<String, Float> scores = new HashMap<>();
        List<SentencePieceFile.Piece> pieces = new ArrayList<>();
        pieces.add(new SentencePieceFile.Piece("<unk>", 0, SentencePieceFile.Kind.UNKNOWN));
        for (String c : List.of("▁", "a", "b", "c", "d")) {
            scores.put(c, 0f);
        }
        for (int i = 0; i < 40; i++) {
            StringBuilder piece = new StringBuilder();
            for (int n = 2 + random.nextInt(4); n > 0; n--) {
                piece.append("▁abcd".charAt(random.nextInt(5)));
            }
            scores.put(piece.toString(), (float) -random.nextInt(20));
        }
        scores.forEach((p, s) -> pieces.add(new SentencePieceFile.Piece(p, s, SentencePieceFile.Kind.NORMAL)));
        SentencePieceModel model = new SentencePieceModel(pieces);
        String marked = text.replace(' ', '▁');
        EncodingBuilder out = new EncodingBuilder();
        if (!marked.isEmpty()) {
            model.encoder().encode(Text.of(marked), out);
        }
        List<String> got = new ArrayList<>();
        for (int id : out.build().ids()) {
            got.add(model.token(id));
        }
        assertThat(got).isEqualTo(naive(marked, scores));
    }

    private static List<String> naive(String text, Map<String, Float> scores) {
        List<String> symbols =
                new ArrayList<>(text.codePoints().mapToObj(Character::toString).toList());
        while (true) {
            int best = -1;
            for (int i = 0; i + 1 < symbols.size(); i++) {
                Float score = scores.get(symbols.get(i) + symbols.get(i + 1));
                if (score != null && (best < 0 || score > scores.get(symbols.get(best) + symbols.get(best + 1)))) {
                    best = i;
                }
            }
            if (best < 0) {
                return symbols;
            }
            symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
        }
    }

    private void refused(byte[] bytes, String message) {
        assertThatThrownBy(() -> open(bytes))
                .isInstanceOf(TokenizerException.class)
                .hasMessageStartingWith(folder.resolve("tokenizer.model") + ": ")
                .hasMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }

    @Test
    void whatIsNoModelIsRefused() {
        refused(new byte[] {1, 2, 3}, "not a");
        refused(
                new byte[] {0x0a, (byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, 4, 1},
                "not a whole SentencePiece model");
        refused(
                new byte[] {0x0a, (byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f},
                "not a whole SentencePiece model");
        refused("#version: 0.2\na b\n".getBytes(), "not a");
        refused(message(out -> out.writeString(9, "x")), "there are no pieces");
        refused(new Builder().pieces("a").build(), "0 unknown pieces, expected one");
        refused(model.piece("<u>", 0, UNKNOWN).build(), "2 unknown pieces, expected one");
    }

    @Test
    void piecesThatAreWrongAreRefused() {
        refused(new Builder().pieces("a", "a").build(), "there is piece \"a\" twice");
        refused(new Builder().piece("", 0, 1).build(), "piece 0 has no text");
        refused(model.pieces("a".repeat(5000)).build(), "piece 3 has 5000 characters, the longest allowed has 4096");
        refused(new Builder().piece("a", 0, 9).build(), "piece 0 has the unknown type 9");
        refused(new Builder().piece("a", Float.NaN, 1).build(), "piece 0 has a score that is not a number");
        refused(
                message(out -> out.writeByteArray(1, message(p -> p.writeByteArray(1, new byte[] {(byte) 0xc3})))),
                "piece 0 is not valid UTF-8");
    }

    @Test
    void otherKindsOfModelsAreRefused() {
        model.type = 1;
        refused(model.build(), "the model is of type 1, only byte pair encoding, 2, is supported");
        model.type = 2;
        model.rules = "rules";
        refused(model.build(), "only \"identity\" is supported");
    }

    /** Every shorter beginning of a model is refused or, where it ends between two fields, a smaller model. */
    @Test
    void cutShort() {
        byte[] whole = model.pieces("▁", "a").build();
        int refused = 0;
        for (int length = 0; length < whole.length; length++) {
            try {
                open(java.util.Arrays.copyOf(whole, length));
            } catch (TokenizerException e) {
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(whole.length / 2);
    }
}
