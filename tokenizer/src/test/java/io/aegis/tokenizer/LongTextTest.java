package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A megabyte that is one pre-token: whatever takes quadratic time would not come back. */
class LongTextTest {
    private static Tokenizer bytes;
    private static Tokenizer pieces;

    @BeforeAll
    static void open(@TempDir Path folder) throws Exception {
        bytes = Tokenizer.open(Files.writeString(
                folder.resolve("bytes.json"),
                new BpeTrainer(600, List.of("<image>"), null)
                        .train(List.of(
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                " ".repeat(32),
                                "😀".repeat(16),
                                "\n".repeat(16),
                                "!?".repeat(8)))));
        pieces = Json.open(
                folder,
                Json.vocabulary("<unk>", "▁", "a", "aa", "aaaa", "▁▁", "▁▁▁▁")
                        + "'unk_token':'<unk>','merges':['a a','aa aa','▁ ▁','▁▁ ▁▁']",
                """
                'normalizer':{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'▁'},
                {'type':'Replace','pattern':{'String':' '},'content':'▁'}]},
                """);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", " ", "😀", "' ", "<imag"})
    void oneThingAgainAndAgain(String unit) {
        String text = unit.repeat((1 << 20) / unit.length());
        int[] ids = bytes.encode(text, false);
        assertThat(ids.length).isLessThan(2 * text.length() + 1);
        assertThat(bytes.decode(ids, false)).isEqualTo(text);
    }

    @Test
    void oneTextWithoutPreTokens() {
        assertThat(pieces.encode("a".repeat(1 << 20), false)).hasSize(1 + (1 << 18));
        assertThat(pieces.encode(" ".repeat((1 << 20) - 1), false)).hasSize(1 << 18);
        assertThat(pieces.encode("x".repeat(1 << 20), false)).hasSize(1 + (1 << 20));
    }

    /** Merging takes as many steps as there are pairs, not their square. */
    @Test
    void pairsAreOfferedOnce() {
        Merges merges = new Merges(4);
        merges.put(0, 0, 0, 1);
        merges.put(1, 1, 1, 2);
        int[] offered = {0};
        Merger merger = new Merger(merges, (_, _, _) -> offered[0]++);
        int n = 1 << 16;
        for (int i = 0; i < n; i++) {
            merger.add(0, i, i + 1);
        }
        merger.merge();
        assertThat(offered[0]).isLessThan(3 * n);
        assertThat(merger.id(merger.first())).isEqualTo(2);
    }
}
