package io.aegis.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Learns a small byte-level BPE vocabulary (Sennrich et al., 2016): beginning with the 256 bytes, the pair of neighbours
 * seen most often inside pre-tokens becomes a token, of equally frequent ones that of lower ids, until there are enough.
 * Texts are cut as Llama 3 cuts them. The same texts always give the same file.
 */
public final class BpeTrainer {
    private static final int BYTES = 256;

    private final int size;
    private final List<String> specials;
    private final String bos;

    /**
     * What to learn.
     *
     * @param size the number of tokens, special ones included; fewer come out of texts with too few pairs
     * @param specials special tokens; their ids come last, in this order
     * @param bos the one of them that is put in front of every text, or null
     */
    public BpeTrainer(int size, List<String> specials, String bos) {
        if (size < BYTES + specials.size()) {
            throw new IllegalArgumentException(
                    size + " tokens are too few for 256 bytes and " + specials.size() + " special tokens");
        }
        if (specials.stream().anyMatch(String::isEmpty)
                || specials.stream().distinct().count() < specials.size()) {
            throw new IllegalArgumentException("special tokens must be different and not empty: " + specials);
        }
        if (bos != null && !specials.contains(bos)) {
            throw new IllegalArgumentException("\"" + bos + "\" is not among the special tokens " + specials);
        }
        this.size = size;
        this.specials = List.copyOf(specials);
        this.bos = bos;
    }

    /** A word as its tokens so far, and how often it was seen. */
    private static final class Word {
        private int[] ids;
        private long count;

        Word(int[] ids) {
            this.ids = ids;
        }

        void merge(int left, int right, int result) {
            IntList merged = new IntList();
            for (int i = 0; i < ids.length; i++) {
                boolean here = ids[i] == left && i + 1 < ids.length && ids[i + 1] == right;
                merged.add(here ? result : ids[i]);
                i += here ? 1 : 0;
            }
            ids = merged.toArray();
        }
    }

    /** How often each pair of neighbours is seen, and in which words it is or was. */
    private static final class Pairs {
        private final Map<Long, Long> counts = new HashMap<>();
        private final Map<Long, Set<Word>> words = new HashMap<>();

        void enter(Word word) {
            for (int i = 0; i + 1 < word.ids.length; i++) {
                counts.merge(pair(word, i), word.count, Long::sum);
                words.computeIfAbsent(pair(word, i), _ -> new HashSet<>()).add(word);
            }
        }

        void leave(Word word) {
            for (int i = 0; i + 1 < word.ids.length; i++) {
                long pair = pair(word, i);
                // A pair that is gone is forgotten, so that there are fewer to look through.
                counts.computeIfPresent(pair, (_, n) -> n == word.count ? null : n - word.count);
            }
        }

        /** The pair seen most often, of several that of the lowest ids. */
        long best() {
            long best = -1;
            long most = 0;
            for (Map.Entry<Long, Long> e : counts.entrySet()) {
                if (e.getValue() > most || e.getValue() == most && e.getKey() < best) {
                    best = e.getKey();
                    most = e.getValue();
                }
            }
            return best;
        }

        private static long pair(Word word, int i) {
            return (long) word.ids[i] << 32 | word.ids[i + 1];
        }
    }

    /** The text of a {@code tokenizer.json}, as Hugging Face's tokenizers read it, learned from texts. */
    public String train(Iterable<String> texts) {
        List<String> tokens = new ArrayList<>();
        Map<Character, Integer> alphabet = new HashMap<>();
        List<Character> bytes = new ArrayList<>();
        for (int b = 0; b < BYTES; b++) {
            bytes.add(ByteAlphabet.of(b));
        }
        bytes.stream().sorted().forEach(c -> {
            alphabet.put(c, tokens.size());
            tokens.add(c.toString());
        });
        List<Word> words = words(texts, alphabet);
        Pairs pairs = new Pairs();
        words.forEach(pairs::enter);
        List<int[]> merges = new ArrayList<>();
        while (tokens.size() + specials.size() < size && !pairs.counts.isEmpty()) {
            long best = pairs.best();
            int left = (int) (best >>> 32);
            int right = (int) best;
            for (Word word : pairs.words.remove(best)) {
                pairs.leave(word);
                word.merge(left, right, tokens.size());
                pairs.enter(word);
            }
            merges.add(new int[] {left, right});
            tokens.add(tokens.get(left) + tokens.get(right));
        }
        return json(tokens, merges);
    }

    private static List<Word> words(Iterable<String> texts, Map<Character, Integer> alphabet) {
        PreTokenizer cut = new PreTokenizer.Sequence(List.of(
                new PreTokenizer.Split(new LlamaScanner(3), SplitBehavior.ISOLATED, false),
                new PreTokenizer.ByteLevel(false, false)));
        Map<String, Word> words = new LinkedHashMap<>();
        for (String text : texts) {
            if (text.isEmpty()) {
                continue;
            }
            for (Text piece : cut.split(Text.of(Unicode.wellFormed(text)))) {
                words.computeIfAbsent(
                                piece.chars(),
                                chars -> new Word(chars.chars()
                                        .map(c -> alphabet.get((char) c))
                                        .toArray()))
                        .count++;
            }
        }
        return List.copyOf(words.values());
    }

    private String json(List<String> tokens, List<int[]> merges) {
        StringWriter out = new StringWriter();
        try (JsonGenerator json = JsonFields.MAPPER.createGenerator(out)) {
            json.writeStartObject();
            json.writeStringField("version", "1.0");
            json.writeNullField("truncation");
            json.writeNullField("padding");
            writeSpecials(json, tokens.size());
            json.writeNullField("normalizer");
            raw(
                    json,
                    "pre_tokenizer",
                    "{'type':'Sequence','pretokenizers':[{'type':'Split','pattern':{'Regex':%s},'behavior':'Isolated',"
                            + "'invert':false},{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true,"
                            + "'use_regex':false}]}",
                    LlamaScanner.LLAMA3);
            writeBos(json, tokens.size());
            raw(json, "decoder", "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':true,'use_regex':true}");
            writeModel(json, tokens, merges);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toString();
    }

    private void writeSpecials(JsonGenerator json, int first) throws IOException {
        json.writeArrayFieldStart("added_tokens");
        for (int i = 0; i < specials.size(); i++) {
            json.writeStartObject();
            json.writeNumberField("id", first + i);
            json.writeStringField("content", specials.get(i));
            for (String no : List.of("single_word", "lstrip", "rstrip", "normalized")) {
                json.writeBooleanField(no, false);
            }
            json.writeBooleanField("special", true);
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private void writeBos(JsonGenerator json, int first) throws IOException {
        if (bos == null) {
            json.writeNullField("post_processor");
            return;
        }
        raw(
                json,
                "post_processor",
                "{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':%1$s,'type_id':0}},"
                        + "{'Sequence':{'id':'A','type_id':0}}],'pair':[{'SpecialToken':{'id':%1$s,'type_id':0}},"
                        + "{'Sequence':{'id':'A','type_id':0}},{'SpecialToken':{'id':%1$s,'type_id':1}},"
                        + "{'Sequence':{'id':'B','type_id':1}}],'special_tokens':{%1$s:{'id':%1$s,'ids':["
                        + (first + specials.indexOf(bos)) + "],'tokens':[%1$s]}}}",
                bos);
    }

    private static void writeModel(JsonGenerator json, List<String> tokens, List<int[]> merges) throws IOException {
        json.writeObjectFieldStart("model");
        json.writeStringField("type", "BPE");
        for (String none : List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
            json.writeNullField(none);
        }
        for (String no : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
            json.writeBooleanField(no, false);
        }
        json.writeObjectFieldStart("vocab");
        for (int id = 0; id < tokens.size(); id++) {
            json.writeNumberField(tokens.get(id), id);
        }
        json.writeEndObject();
        json.writeArrayFieldStart("merges");
        for (int[] merge : merges) {
            json.writeString(tokens.get(merge[0]) + " " + tokens.get(merge[1]));
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    /** Writes an object given with single quotes; %s in it becomes a text. */
    private static void raw(JsonGenerator json, String field, String object, String... text) throws IOException {
        Object[] quoted = new Object[text.length];
        for (int i = 0; i < text.length; i++) {
            quoted[i] = JsonFields.MAPPER.writeValueAsString(text[i]);
        }
        json.writeFieldName(field);
        json.writeRawValue(String.format(object.replace('\'', '"'), quoted));
    }
}
