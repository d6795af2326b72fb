package io.aegis.tokenizer;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The {@code model} of a tokenizer.json, its vocabulary and merges read as they stream by. */
final class BpeJson {
    private static final int LLAMA3_VOCABULARY = 128_000;
    private static final String LLAMA3_BEGIN = "<|begin_of_text|>";

    private final Path file;
    private final JsonParser json;
    private final ObjectNode settings = JsonFields.MAPPER.createObjectNode();
    private final List<String> lefts = new ArrayList<>();
    private final List<String> rights = new ArrayList<>();
    private Map<String, Integer> vocabulary;

    private BpeJson(Path file, JsonParser json) {
        this.file = file;
        this.json = json;
    }

    /** Reads the object at which the parser stands. */
    static BpeJson read(Path file, JsonParser json) throws IOException {
        BpeJson out = new BpeJson(file, json);
        out.expect(JsonToken.START_OBJECT, "model", "an object");
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "vocab" -> out.readVocabulary();
                case "merges" -> out.readMerges();
                default -> out.settings.set(key, JsonFields.MAPPER.readTree(json));
            }
        }
        return out;
    }

    private void readVocabulary() throws IOException {
        requireBpe();
        expect(JsonToken.START_OBJECT, "model.vocab", "an object of tokens and ids");
        vocabulary = new HashMap<>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String token = whole(json.currentName());
            json.nextToken();
            boolean number = json.currentToken() == JsonToken.VALUE_NUMBER_INT;
            if (!number || json.getNumberType() != JsonParser.NumberType.INT || json.getIntValue() < 0) {
                throw TokenizerException.of(
                        file, "model.vocab has " + json.getText() + " for \"" + token + "\", expected an id");
            }
            vocabulary.put(token, json.getIntValue());
        }
    }

    private void readMerges() throws IOException {
        expect(JsonToken.START_ARRAY, "model.merges", "a list");
        while (json.nextToken() != JsonToken.END_ARRAY) {
            if (json.currentToken() == JsonToken.VALUE_STRING) {
                readMerge(whole(json.getText()));
            } else if (json.currentToken() == JsonToken.START_ARRAY) {
                json.nextToken();
                expect(JsonToken.VALUE_STRING, merge(), "two tokens");
                lefts.add(whole(json.getText()));
                json.nextToken();
                expect(JsonToken.VALUE_STRING, merge(), "two tokens");
                rights.add(whole(json.getText()));
                json.nextToken();
                expect(JsonToken.END_ARRAY, merge(), "two tokens");
            } else {
                throw TokenizerException.of(file, merge() + " is " + json.getText() + ", expected two tokens");
            }
        }
    }

    private void readMerge(String text) {
        if (lefts.isEmpty() && text.startsWith("#version")) {
            return;
        }
        int space = text.indexOf(' ');
        if (space < 0 || text.indexOf(' ', space + 1) >= 0) {
            throw TokenizerException.of(
                    file, merge() + " is \"" + text + "\", expected two tokens and a space between");
        }
        lefts.add(text.substring(0, space));
        rights.add(text.substring(space + 1));
    }

    /** The merge that is being read. */
    private String merge() {
        return "model.merges[" + rights.size() + "]";
    }

    /** The model, when all of the file has been read. */
    Model model(List<AddedToken> added) {
        requireBpe();
        JsonFields fields = new JsonFields(file, "model", settings);
        if (vocabulary == null) {
            throw fields.invalid("has no vocab");
        }
        if (fields.has("dropout") && fields.node().get("dropout").asDouble(1) != 0) {
            throw fields.mismatch(
                    "dropout", fields.node().get("dropout"), "null: merges dropped at random are for training");
        }
        String prefix = fields.text("continuing_subword_prefix", null);
        // The first exports of Llama 3 were written before the setting existed.
        boolean llama3 = vocabulary.size() == LLAMA3_VOCABULARY
                && added.stream().anyMatch(t -> t.content().equals(LLAMA3_BEGIN));
        BpeModel.Options options = new BpeModel.Options(
                fields.text("unk_token", null),
                fields.flag("fuse_unk", false),
                fields.flag("byte_fallback", false),
                fields.flag("ignore_merges", llama3),
                prefix,
                fields.text("end_of_word_suffix", null));
        try {
            return new BpeModel(new Vocabulary(vocabulary), merges(prefix), options);
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(file + ": model.vocab: " + e.getMessage(), e);
        }
    }

    private Merges merges(String prefix) {
        Merges merges = new Merges(lefts.size());
        int skip = prefix == null ? 0 : prefix.length();
        for (int i = 0; i < lefts.size(); i++) {
            String left = lefts.get(i);
            String right = rights.get(i);
            String joined = left + (right.length() < skip ? "" : right.substring(skip));
            for (String token : List.of(left, right, joined)) {
                if (!vocabulary.containsKey(token)) {
                    throw TokenizerException.of(
                            file,
                            "model.merges[" + i + "] joins \"" + left + "\" and \"" + right + "\", but \"" + token
                                    + "\" is not in the vocabulary");
                }
            }
            merges.put(vocabulary.get(left), vocabulary.get(right), i, vocabulary.get(joined));
        }
        return merges;
    }

    private void requireBpe() {
        String type = settings.path("type").asText("BPE");
        if (!type.equals("BPE")) {
            throw TokenizerException.of(file, "model.type is \"" + type + "\", only BPE is supported");
        }
    }

    private void expect(JsonToken token, String what, String expected) throws IOException {
        if (json.currentToken() != token) {
            throw TokenizerException.of(file, what + " is " + json.getText() + ", expected " + expected);
        }
    }

    private String whole(String text) {
        if (Unicode.firstHalf(text) >= 0) {
            throw TokenizerException.of(file, "there is half of a surrogate pair in a token of the model");
        }
        return text;
    }
}
