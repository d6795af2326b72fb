package io.aegis.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;

/** The {@code post_processor} of a tokenizer.json, as far as it concerns a single text. */
final class PostProcessorJson {
    private PostProcessorJson() {}

    static Affixes read(JsonFields json) {
        String type = json.text("type");
        return switch (type) {
            case "Sequence" -> {
                Affixes out = Affixes.NONE;
                for (JsonFields step : json.objects("processors")) {
                    out = read(step).around(out);
                }
                yield out;
            }
            case "TemplateProcessing" -> template(json);
            case "RobertaProcessing", "BertProcessing" ->
                new Affixes(new int[] {pairId(json, "cls")}, new int[] {pairId(json, "sep")});
            // Changes offsets only.
            case "ByteLevel" -> Affixes.NONE;
            default -> throw json.invalid("is of type \"" + type + "\", which is not supported");
        };
    }

    private static Affixes template(JsonFields json) {
        IntList before = new IntList();
        IntList after = new IntList();
        int texts = 0;
        for (JsonFields piece : json.objects("single")) {
            if (piece.has("Sequence")) {
                texts++;
            } else {
                addIds(json, piece.object("SpecialToken").text("id"), texts == 0 ? before : after);
            }
        }
        if (texts != 1) {
            throw json.invalid("puts the text " + texts + " times into its template \"single\", expected once");
        }
        return new Affixes(before.toArray(), after.toArray());
    }

    private static void addIds(JsonFields json, String name, IntList out) {
        JsonFields tokens = json.object("special_tokens");
        if (!tokens.has(name)) {
            throw json.invalid("uses \"" + name + "\", which is not among its special_tokens");
        }
        for (JsonNode id : tokens.object(name).list("ids")) {
            out.add(id(json, name, id));
        }
    }

    /** The id of a pair such as {@code ["</s>", 2]}. */
    private static int pairId(JsonFields json, String key) {
        return id(json, key, json.list(key).path(1));
    }

    private static int id(JsonFields json, String name, JsonNode id) {
        if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0) {
            throw json.invalid(
                    "has " + JsonFields.shown(id) + " as an id of \"" + name + "\", expected a whole number");
        }
        return id.intValue();
    }
}
