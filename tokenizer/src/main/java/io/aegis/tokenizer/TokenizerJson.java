package io.aegis.tokenizer;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads a {@code tokenizer.json} of Hugging Face's tokenizers, version 1.0, whose model is BPE. Its {@code truncation} and
 * {@code padding} are left to whoever makes batches.
 */
final class TokenizerJson {
    private TokenizerJson() {}

    static BpeTokenizer.Parts read(Path file) {
        BpeJson model = null;
        ObjectNode rest = JsonFields.MAPPER.createObjectNode();
        try (JsonParser json = JsonFields.MAPPER.createParser(file.toFile())) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw TokenizerException.of(file, "expected a JSON object");
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                json.nextToken();
                if (key.equals("model")) {
                    model = BpeJson.read(file, json);
                } else {
                    rest.set(key, JsonFields.MAPPER.<JsonNode>readTree(json));
                }
            }
            if (json.nextToken() != null) {
                throw TokenizerException.of(file, "there is more than one JSON value in the file");
            }
        } catch (JacksonException e) {
            throw JsonFields.invalid(file, e);
        } catch (IOException e) {
            throw new TokenizerException(file + ": cannot be read: " + e.getMessage(), e);
        }
        if (model == null) {
            throw TokenizerException.of(file, "model is missing, expected an object");
        }
        return parts(new JsonFields(file, "the file", rest), model);
    }

    private static BpeTokenizer.Parts parts(JsonFields json, BpeJson bpe) {
        String version = json.text("version", "1.0");
        if (!version.equals("1.0")) {
            throw TokenizerException.of(json.file(), "version is \"" + version + "\", expected \"1.0\"");
        }
        List<AddedToken> added = addedTokens(json);
        Model model = bpe.model(added);
        Affixes affixes =
                json.has("post_processor") ? PostProcessorJson.read(json.object("post_processor")) : Affixes.NONE;
        return new BpeTokenizer.Parts(
                json.has("normalizer")
                        ? NormalizerJson.read(json.object("normalizer"))
                        : new Normalizer.Sequence(List.of()),
                json.has("pre_tokenizer")
                        ? PreTokenizerJson.read(json.object("pre_tokenizer"))
                        : new PreTokenizer.Sequence(List.of()),
                model,
                added,
                affixes,
                json.has("decoder") ? DecoderJson.read(json.object("decoder")) : new Decoder.Spaces(),
                -1,
                -1);
    }

    private static List<AddedToken> addedTokens(JsonFields json) {
        List<AddedToken> out = new ArrayList<>();
        for (JsonFields token : json.objects("added_tokens")) {
            out.add(addedToken(token.count("id"), token));
        }
        return out;
    }

    /** An added token without its id. */
    static AddedToken addedToken(int id, JsonFields token) {
        boolean special = token.flag("special", false);
        return new AddedToken(
                id,
                token.text("content"),
                token.flag("single_word", false),
                token.flag("lstrip", false),
                token.flag("rstrip", false),
                token.flag("normalized", !special),
                special,
                true);
    }
}
