package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ranks in lines of base64, with Llama 3's special tokens behind. */
class TiktokenFileTest {
    @TempDir
    Path folder;

    private Tokenizer open(UnaryOperator<String> change) throws Exception {
        StringBuilder out = new StringBuilder();
        for (int b = 0; b < 256; b++) {
            out.append(line(new byte[] {(byte) b}, b));
        }
        int rank = 256;
        for (String token : new String[] {"ab", " ab", "bc", "abcd", "é"}) {
            out.append(line(token.getBytes(StandardCharsets.UTF_8), rank++));
        }
        return Tokenizer.open(Files.writeString(folder.resolve("tokenizer.model"), change.apply(out.toString())));
    }

    private static String line(byte[] token, int rank) {
        return Base64.getEncoder().encodeToString(token) + " " + rank + "\n";
    }

    @Test
    void theLowestRankIsMergedFirstAndWholeTokensStay() throws Exception {
        Tokenizer t = open(text -> text);
        assertThat(t.encode("abc", false)).containsExactly(256, 'c');
        assertThat(t.encode("abcd", false)).containsExactly(259);
        assertThat(t.encode("xabcd", false)).containsExactly('x', 256, 'c', 'd');
        assertThat(t.encode("é ab", false)).containsExactly(260, 257);
        assertThat(t.decode(t.encode("é😀 ab", false), false)).isEqualTo("é😀 ab");
    }

    @Test
    void specialTokensAreLlama3s() throws Exception {
        Tokenizer t = open(text -> text);
        assertThat(t.size()).isEqualTo(261 + 256);
        assertThat(t.bos()).hasValue(261);
        assertThat(t.eos()).hasValue(262);
        assertThat(t.id("<|eot_id|>")).hasValue(261 + 9);
        assertThat(t.token(261 + 8)).isEqualTo("<|reserved_special_token_4|>");
        assertThat(t.token(261 + 255)).isEqualTo("<|reserved_special_token_250|>");
        assertThat(t.encode("a<|eot_id|>", true)).containsExactly(261, 'a', 270);
        assertThat(t.decode(t.encode("a<|eot_id|>", true), true)).isEqualTo("a");
    }

    @Test
    void theConfigurationNamesOthers() throws Exception {
        open(text -> text);
        Json.write(
                folder,
                "tokenizer_config.json",
                "{'bos_token':'<b>','added_tokens_decoder':{'261':{'content':'<b>','special':true}}}");
        Tokenizer t = Tokenizer.open(folder);
        assertThat(t.size()).isEqualTo(262);
        assertThat(t.encode("a<b>", true)).containsExactly(261, 'a', 261);
    }

    @Test
    void linesThatAreWrongAreRefused() {
        refused(text -> text + "a\n", "line 262 is not a token in base64, a space and a rank");
        refused(text -> text + "!!!! 261\n", "line 262 is not valid base64");
        refused(text -> text + line("ab".getBytes(), 261), "line 262 has a token that is there already");
        refused(text -> text + line("zz".getBytes(), 300), "without gaps");
        refused(text -> text + line("zz".getBytes(), 260), "have the same id 260");
        refused(text -> text.substring(text.indexOf('\n') + 1), "there is no token for the byte 0x00");
        refused(text -> text + line(new byte[5000], 261), "line 262 has a token of 5000 bytes");
        refused(text -> text + "QUE= 99999999999\n", "line 262 is not");
    }

    private void refused(UnaryOperator<String> change, String message) {
        assertThatThrownBy(() -> open(change))
                .isInstanceOf(TokenizerException.class)
                .hasMessageStartingWith(folder.resolve("tokenizer.model") + ": ")
                .hasMessageContaining(message);
    }
}
