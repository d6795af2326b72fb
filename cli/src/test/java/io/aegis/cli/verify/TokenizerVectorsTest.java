package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Vectors of Hugging Face's tokenizers, SentencePiece and llama.cpp pass; wrong ones are printed. */
class TokenizerVectorsTest {
    private static final String BYTES = """
            {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
             "decoder": {"type": "ByteLevel"}}
            """;

    @ParameterizedTest(name = "{0} {1}")
    @CsvSource({
        "bpe-small/tokenizer.json, bpe-small/hf_vectors_a.json",
        "bpe-small/tokenizer_arraymerges.json, bpe-small/hf_vectors_arraymerges_a.json",
        "bpe-small/tokenizer_ignoremerges.json, bpe-small/hf_vectors_ignoremerges_a.json",
        "gpt-2/tokenizer.json, gpt-2/hf_vectors_a.json",
        "gpt-2/tokenizer.json, gpt-2/vectors.json",
        "llama2-spm/tokenizer.json, llama2-spm/hf_vectors_a.json",
        "llama2-spm/tokenizer.json, llama2-spm/vectors.json",
        "llama2-spm/tokenizer_nonlegacy.json, llama2-spm/hf_vectors_nonlegacy_a.json",
        "llama2-spm/tokenizer.model, llama2-spm/sentencepiece_vectors_a.json",
        "llama2-spm/tokenizer.model, llama2-spm/vectors.json",
        "llama3-bpe/tokenizer.json, llama3-bpe/hf_vectors_a.json",
        "llama3-bpe/tokenizer.json, llama3-bpe/vectors.json",
        "llama3-bpe/tokenizer.model, llama3-bpe/hf_vectors_a.json",
        "llama3-bpe/tokenizer.model, llama3-bpe/vectors.json"
    })
    void referenceVectorsPass(String tokenizer, String vectors) {
        Path root = Path.of(System.getProperty("aegis.golden", "golden")).resolve("tokenizers");
        assumeTrue(Files.exists(root), () -> "skipped: no reference data at " + root);
        StringWriter out = new StringWriter();
        assertThat(TokenizerVectors.compare(
                        Tokenizer.open(root.resolve(tokenizer)), root.resolve(vectors), new PrintWriter(out)))
                .as(out.toString())
                .isTrue();
    }

    @Test
    void differencesArePrinted(@TempDir Path folder) throws Exception {
        Path vectors = folder.resolve("vectors.json");
        Files.writeString(vectors, """
                [{"text": "ab", "ids": [2], "decoded": "ab"}, {"text": "aba", "ids": [0, 1, 0]}]
                """);
        StringWriter out = new StringWriter();
        assertThat(TokenizerVectors.compare(open(folder), vectors, new PrintWriter(out)))
                .isFalse();
        assertThat(out.toString())
                .contains("\"aba\": ids")
                .contains("expected [0,1,0]")
                .contains("got      [2,0]")
                .contains("2 texts, 4 comparisons, 1 failures");
    }

    @Test
    void aFileOfSomethingElseIsRefused(@TempDir Path folder) throws Exception {
        Path vectors = folder.resolve("vectors.json");
        PrintWriter out = new PrintWriter(new StringWriter());
        Files.writeString(vectors, "{}");
        assertThatThrownBy(() -> TokenizerVectors.compare(open(folder), vectors, out))
                .hasMessage(vectors + ": expected a JSON list");
        Files.writeString(vectors, "[]");
        assertThatThrownBy(() -> TokenizerVectors.compare(open(folder), vectors, out))
                .hasMessage(vectors + ": there is nothing to compare");
        Files.writeString(vectors, "[{\"text\": \"a\", \"ids\": [1.5]}]");
        assertThatThrownBy(() -> TokenizerVectors.compare(open(folder), vectors, out))
                .hasMessage(vectors + "[0]: ids has 1.5, expected an id");
    }

    private static Tokenizer open(Path folder) throws Exception {
        return Tokenizer.open(Files.writeString(folder.resolve("tokenizer.json"), BYTES));
    }
}
