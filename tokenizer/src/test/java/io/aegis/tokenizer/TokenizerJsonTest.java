package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a tokenizer.json says is done; one that contradicts itself is refused with one sentence. */
class TokenizerJsonTest {
    private static final String ABC = Json.vocabulary("a", "b", "c", "ab", "bc", "abc", "<u>");

    @TempDir
    Path folder;

    private static String added(String content, int id, String flags) {
        return "'added_tokens':[{'id':" + id + ",'content':'" + content + "'," + flags + "'special':true}],";
    }

    @ParameterizedTest
    @CsvSource({"'[''b c'',''a bc'',''a b'']'", "'[[''b'',''c''],[''a'',''bc''],[''a'',''b'']]'"})
    void mergesComeAsTextOrAsPairs(String merges) {
        Tokenizer t = Json.open(folder, ABC + "'merges':" + merges, "");
        assertThat(t.encode("abcab", false)).containsExactly(5, 3);
        assertThat(t.size()).isEqualTo(7);
        assertThat(t.token(4)).isEqualTo("bc");
        assertThat(t.id("bc")).hasValue(4);
        assertThat(t.id("x")).isEmpty();
    }

    @Test
    void ignoredMergesKeepWholePreTokens() {
        String merges = "'merges':['a b']";
        assertThat(Json.open(folder, ABC + merges, "").encode("abc", false)).containsExactly(3, 2);
        assertThat(Json.open(folder, ABC + "'ignore_merges':true," + merges, "").encode("abc", false))
                .containsExactly(5);
    }

    @Test
    void unknownCharactersAreFusedOrNotOrDropped() {
        String merges = "'merges':[]";
        assertThat(Json.open(folder, ABC + "'unk_token':'<u>','fuse_unk':true," + merges, "")
                        .encode("axyb", false))
                .containsExactly(0, 6, 1);
        assertThat(Json.open(folder, ABC + "'unk_token':'<u>'," + merges, "").encode("axyb", false))
                .containsExactly(0, 6, 6, 1);
        assertThat(Json.open(folder, ABC + merges, "").encode("axyb", false)).containsExactly(0, 1);
        Tokenizer lost = Json.open(folder, ABC + "'unk_token':'?'," + merges, "");
        assertThatThrownBy(() -> lost.encode("x", false))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("\"?\"");
    }

    @Test
    void aCharacterFallsBackToItsBytes() {
        String vocabulary = Json.vocabulary("a", "<0xC3>", "<0xA9>", "<u>");
        Tokenizer t = Json.open(
                folder,
                vocabulary + "'byte_fallback':true,'unk_token':'<u>','merges':[]",
                "'decoder':{'type':'Sequence','decoders':[{'type':'ByteFallback'},{'type':'Fuse'}]},");
        assertThat(t.encode("éaß", false)).containsExactly(1, 2, 0, 3);
        assertThat(t.decode(new int[] {1, 2, 0, 1, 0}, false)).isEqualTo("éa\ufffda");
        assertThat(t.encoding("éa", false)).satisfies(e -> {
            assertThat(e.starts()).containsExactly(0, 0, 1);
            assertThat(e.ends()).containsExactly(1, 1, 2);
        });
    }

    @Test
    void prefixesAndSuffixesOfWords() {
        String vocabulary = Json.vocabulary("a", "##b", "##b</w>", "a</w>", "a##", "ab", "ab</w>");
        Tokenizer t = Json.open(
                folder,
                vocabulary
                        + "'continuing_subword_prefix':'##','end_of_word_suffix':'</w>','merges':['a ##b','a ##b</w>']",
                "'pre_tokenizer':{'type':'WhitespaceSplit'},'decoder':{'type':'BPEDecoder','suffix':'</w>'},");
        assertThat(t.encode("ab a abb", false)).containsExactly(6, 3, 5, 2);
        assertThat(t.decode(new int[] {6, 3}, false)).isEqualTo("ab a");
    }

    @Test
    void addedTokensWithTheirFlags() {
        String model = Json.vocabulary("a", " ", "_") + "'merges':[]";
        assertThat(Json.open(folder, model, added("<x>", 3, "'lstrip':true,'rstrip':true,"))
                        .encode("a <x>  a", false))
                .containsExactly(0, 3, 0);
        assertThat(Json.open(folder, model, added("_", 2, "'single_word':true,"))
                        .encode("_ a_ _", false))
                .containsExactly(2, 1, 0, 2, 1, 2);
        Tokenizer lower =
                Json.open(folder, model, "'normalizer':{'type':'Lowercase'}," + added("XY", 3, "'normalized':true,"));
        assertThat(lower.encode("axya", false)).containsExactly(0, 3, 0);
    }

    @Test
    void theLongestAddedTokenCounts() {
        Tokenizer t = Json.open(
                folder,
                Json.vocabulary("a") + "'merges':[]",
                "'added_tokens':[{'id':1,'content':'<x'},{'id':2,'content':'<x>>'},{'id':3,'content':'x>'}],");
        assertThat(t.encode("<x>><x>", false)).containsExactly(2, 1);
    }

    @Test
    void whatIsPutAround() {
        String model = Json.vocabulary("a") + "'merges':[]";
        String added =
                "'added_tokens':[{'id':1,'content':'<s>','special':true},{'id':2,'content':'</s>','special':true}],";
        Tokenizer t = Json.open(folder, model, added + """
                        'post_processor':{'type':'Sequence','processors':[{'type':'ByteLevel'},{'type':'TemplateProcessing',
                        'single':[{'SpecialToken':{'id':'B','type_id':0}},{'Sequence':{'id':'A','type_id':0}},
                        {'SpecialToken':{'id':'E','type_id':0}}],'pair':[],
                        'special_tokens':{'B':{'id':'B','ids':[1],'tokens':['<s>']},'E':{'id':'E','ids':[2],'tokens':['</s>']}}}]},
                        """);
        assertThat(t.encode("<s>a", true)).containsExactly(1, 1, 0, 2);
        assertThat(t.encode("a", false)).containsExactly(0);
        assertThat(t.bos()).hasValue(1);
        assertThat(t.eos()).hasValue(2);
        assertThat(t.isSpecial(1)).isTrue();
        assertThat(t.isSpecial(0)).isFalse();
        assertThat(t.decode(new int[] {1, 0, -200, 99, 0, 2}, true)).isEqualTo("a a");
    }

    @Test
    void llama3WithoutTheSettingIgnoresMerges() {
        StringBuilder vocabulary = new StringBuilder("'vocab':{'a':0,'b':1,'ab':2");
        for (int id = 3; id < 128_000; id++) {
            vocabulary.append(",'#").append(id).append("':").append(id);
        }
        String model = vocabulary.append("},'merges':[]").toString();
        assertThat(Json.open(folder, model, added("<|begin_of_text|>", 128_000, ""))
                        .encode("ab", false))
                .containsExactly(2);
        assertThat(Json.open(folder, model, "").encode("ab", false)).containsExactly(0, 1);
        assertThat(Json.open(folder, "'ignore_merges':false," + model, added("<|begin_of_text|>", 128_000, ""))
                        .encode("ab", false))
                .containsExactly(0, 1);
    }

    @Test
    void theFolderSaysWhichTokensBeginAndEnd() {
        Json.write(folder, "tokenizer.json", "{'model':{'vocab':{'a':0,'<s>':1,'[E]':2},'merges':[]}}");
        Json.write(
                folder,
                "tokenizer_config.json",
                "{'bos_token':{'content':'<s>'},'eos_token':'[E]','added_tokens_decoder':{'3':{'content':'<new>','special':true}}}");
        Tokenizer t = Tokenizer.open(folder);
        assertThat(t.bos()).hasValue(1);
        assertThat(t.eos()).hasValue(2);
        assertThat(t.encode("a<new>", false)).containsExactly(0, 3);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | the file is empty",
                "'{' | not valid JSON",
                "'{}' | model is missing, expected an object",
                "'{\"version\":\"2.0\",\"model\":{\"vocab\":{},\"merges\":[]}}' | version is \"2.0\", expected \"1.0\"",
                "'{\"model\":[]}' | model is [, expected an object",
                "'{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}' | model.type is \"Unigram\", only BPE is supported",
                "'{\"model\":{\"vocab\":[],\"type\":\"Unigram\"}}' | model.vocab is [, expected an object of tokens and ids",
                "'{\"model\":{\"merges\":[]}}' | model has no vocab",
                "'{\"model\":{\"vocab\":{\"a\":\"0\"},\"merges\":[]}}' | model.vocab has 0 for \"a\", expected an id",
                "'{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}' | model.vocab has -1 for \"a\", expected an id",
                "'{\"model\":{\"vocab\":{\"a\":99999999999},\"merges\":[]}}' | model.vocab has 99999999999 for \"a\", expected an id",
                "'{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}' | have the same id 0",
                "'{\"model\":{\"vocab\":{\"a\":0,\"b\":2},\"merges\":[]}}' | ids must run from 0 to 1 without gaps",
                "'{\"model\":{\"vocab\":{\"a\":0,\"b\":2147483647},\"merges\":[]}}' | ids must run from 0 to 1 without gaps",
                "'{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}' | not valid JSON: Duplicate field 'a'",
                "'{\"model\":{\"vocab\":{\"\\ud800\":0},\"merges\":[]}}' | surrogate pair",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}' | model.merges[0] joins \"a\" and \"b\", but \"b\" is not",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}' | but \"aa\" is not in the vocabulary",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}' | model.merges[0] is \"a\", expected two tokens",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}' | model.merges[0] is ], expected two tokens",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[5]}}' | model.merges[0] is 5, expected two tokens",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":{}}}' | model.merges is {, expected a list",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}}' | model.dropout is 0.1, expected null",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"ignore_merges\":1}}' | model.ignore_merges is 1, expected true or false",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"normalizer\":{\"type\":\"Nmt\"}}' | normalizer is of type \"Nmt\"",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a**\"},\"behavior\":\"Isolated\"}}'"
                        + " | pre_tokenizer.pattern: the pattern a** has",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Cut\"}}'"
                        + " | behavior is \"Cut\", expected Removed",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"decoder\":{\"type\":\"CTC\"}}' | decoder is of type \"CTC\"",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"id\":5,\"content\":\"x\"}]}' | added token \"x\" has id 5",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"id\":0,\"content\":\"x\"}]}' | which is \"a\" in the vocabulary",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"id\":1,\"content\":\"a\"}]}' | in the vocabulary it has 0",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"id\":1,\"content\":\"\"}]}' | added token 1 is empty",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"id\":1,\"content\":\"x\"},{\"id\":1,\"content\":\"y\"}]}' | have the same id 1",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":{}}' | added_tokens is {}, expected a list",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"post_processor\":{\"type\":\"RobertaProcessing\",\"cls\":[\"x\",7],\"sep\":[\"a\",0]}}'"
                        + " | id 7 is put around texts",
                "'{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}} {}' | there is more than one JSON value"
            })
    void aFileThatIsWrongIsRefused(String content, String message) throws Exception {
        Path file = Files.writeString(folder.resolve("tokenizer.json"), content);
        assertThatThrownBy(() -> Tokenizer.open(file))
                .isInstanceOf(TokenizerException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }

    @Test
    void whatIsNotThereIsSaidToBeMissing() {
        assertThatThrownBy(() -> Tokenizer.open(folder.resolve("none")))
                .isInstanceOf(TokenizerException.class)
                .hasMessageEndingWith("none: no such file or folder");
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .hasMessage(folder + ": there is neither tokenizer.json nor tokenizer.model in this folder");
        Tokenizer t = Json.open(folder, ABC + "'merges':[]", "");
        assertThatThrownBy(() -> t.token(7))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("there is no token 7, ids run from 0 to 6");
    }
}
