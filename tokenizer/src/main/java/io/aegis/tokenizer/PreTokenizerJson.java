package io.aegis.tokenizer;

import java.util.Locale;

/** The {@code pre_tokenizer} of a tokenizer.json. */
final class PreTokenizerJson {
    private PreTokenizerJson() {}

    static PreTokenizer read(JsonFields json) {
        String type = json.text("type");
        return switch (type) {
            case "Sequence" ->
                new PreTokenizer.Sequence(json.objects("pretokenizers").stream()
                        .map(PreTokenizerJson::read)
                        .toList());
            case "Split" -> new PreTokenizer.Split(PatternJson.read(json), behavior(json), json.flag("invert", false));
            case "ByteLevel" ->
                new PreTokenizer.ByteLevel(json.flag("add_prefix_space", true), json.flag("use_regex", true));
            case "Metaspace" -> metaspace(json);
            case "Digits" ->
                new PreTokenizer.Split(
                        CharacterClass.NUMBER,
                        json.flag("individual_digits", false) ? SplitBehavior.ISOLATED : SplitBehavior.CONTIGUOUS,
                        false);
            case "Punctuation" ->
                new PreTokenizer.Split(
                        CharacterClass.PUNCTUATION,
                        json.has("behavior") ? behavior(json) : SplitBehavior.ISOLATED,
                        false);
            case "Whitespace" -> new PreTokenizer.Split(CharacterClass.WORDS, SplitBehavior.REMOVED, true);
            case "WhitespaceSplit" -> new PreTokenizer.Split(CharacterClass.WHITE_SPACE, SplitBehavior.REMOVED, false);
            default -> throw json.invalid("is of type \"" + type + "\", which is not supported");
        };
    }

    private static SplitBehavior behavior(JsonFields json) {
        try {
            return SplitBehavior.named(json.text("behavior"));
        } catch (IllegalArgumentException e) {
            throw json.invalid("cannot be used: " + e.getMessage());
        }
    }

    private static PreTokenizer metaspace(JsonFields json) {
        PreTokenizer.Metaspace.Scheme scheme = scheme(json);
        return new PreTokenizer.Metaspace(json.character("replacement"), scheme, json.flag("split", true));
    }

    /** Where Metaspace puts a space in front; older files say only whether. */
    static PreTokenizer.Metaspace.Scheme scheme(JsonFields json) {
        String name = json.text("prepend_scheme", "always");
        PreTokenizer.Metaspace.Scheme scheme = null;
        for (PreTokenizer.Metaspace.Scheme s : PreTokenizer.Metaspace.Scheme.values()) {
            scheme = s.name().toLowerCase(Locale.ROOT).equals(name) ? s : scheme;
        }
        if (scheme == null) {
            throw json.mismatch("prepend_scheme", json.node().get("prepend_scheme"), "always, first or never");
        }
        if (json.flag("add_prefix_space", true)) {
            return scheme;
        }
        if (json.has("prepend_scheme") && scheme != PreTokenizer.Metaspace.Scheme.NEVER) {
            throw json.invalid(
                    "has add_prefix_space false and prepend_scheme \"" + name + "\", which contradict each other");
        }
        return PreTokenizer.Metaspace.Scheme.NEVER;
    }
}
