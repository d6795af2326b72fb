package io.aegis.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What the files beside a tokenizer's say: {@code tokenizer_config.json}, {@code special_tokens_map.json}, {@code
 * added_tokens.json}, as transformers writes them.
 *
 * @param added tokens with their ids, in the order of these
 * @param specials the contents of tokens that are special, whether they have ids here or not
 * @param bos the token that begins a text
 * @param eos the token that ends a text
 * @param legacy whether a SentencePiece tokenizer puts a space in front of every segment between special tokens
 * @param addBos whether BOS is put in front of every text, where the tokenizer's own file does not say
 * @param addEos likewise EOS, behind
 */
record TokenizerConfig(
        List<AddedToken> added,
        List<String> specials,
        Optional<String> bos,
        Optional<String> eos,
        boolean legacy,
        boolean addBos,
        boolean addEos) {
    /** No such files. */
    static final TokenizerConfig NONE =
            new TokenizerConfig(List.of(), List.of(), Optional.empty(), Optional.empty(), true, true, false);

    private static final List<String> ROLES = List.of("bos_token", "eos_token", "unk_token", "pad_token");

    /** Reads what there is in a folder. */
    static TokenizerConfig read(Path folder) {
        Optional<JsonFields> config = file(folder.resolve("tokenizer_config.json"));
        Optional<JsonFields> map = file(folder.resolve("special_tokens_map.json"));
        Map<Integer, AddedToken> added = new TreeMap<>();
        file(folder.resolve("added_tokens.json"))
                .ifPresent(f -> f.node().fieldNames().forEachRemaining(content -> {
                    int id = f.count(content);
                    added.put(id, new AddedToken(id, content, false, false, false, false, false, true));
                }));
        config.filter(c -> c.has("added_tokens_decoder"))
                .map(c -> c.object("added_tokens_decoder"))
                .ifPresent(tokens -> tokens.node().fieldNames().forEachRemaining(id -> {
                    if (!id.matches("\\d{1,9}")) {
                        throw tokens.invalid("has the key \"" + id + "\", expected an id");
                    }
                    AddedToken token = TokenizerJson.addedToken(Integer.parseInt(id), tokens.object(id));
                    added.put(token.id(), token);
                }));
        List<String> specials = new ArrayList<>();
        for (String role : ROLES) {
            named(config, role).or(() -> named(map, role)).ifPresent(specials::add);
        }
        return new TokenizerConfig(
                List.copyOf(added.values()),
                specials,
                named(config, "bos_token").or(() -> named(map, "bos_token")),
                named(config, "eos_token").or(() -> named(map, "eos_token")),
                config.map(c -> c.flag("legacy", true)).orElse(true),
                config.map(c -> c.flag("add_bos_token", true)).orElse(true),
                config.map(c -> c.flag("add_eos_token", false)).orElse(false));
    }

    private static Optional<JsonFields> file(Path file) {
        return Files.exists(file) ? Optional.of(JsonFields.read(file)) : Optional.empty();
    }

    /** A token by its role, given as text or as an object with its content. */
    private static Optional<String> named(Optional<JsonFields> file, String role) {
        return file.filter(f -> f.has(role)).map(f -> {
            JsonNode value = f.node().get(role);
            return value.isObject() ? f.object(role).text("content") : f.text(role);
        });
    }
}
