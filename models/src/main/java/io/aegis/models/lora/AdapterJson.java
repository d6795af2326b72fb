package io.aegis.models.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** {@code adapter_config.json}, read and written as PEFT does. */
final class AdapterJson {
    /** What lies between tower and language model is called in the known layouts. */
    private static final Set<String> PROJECTORS =
            Set.of("mm_projector", "multi_modal_projector", "mm_projector_sav", "pvtm");

    private AdapterJson() {}

    /**
     * Reads the keys that PEFT writes; those that change nothing for these models are passed over.
     *
     * @throws WeightsException for an adapter of another kind, or one that asks for what is not supported
     */
    static LoraConfig read(ConfigJson json) {
        if (!json.text("peft_type").equals("LORA")) {
            throw json.invalid("peft_type", "is not supported, expected \"LORA\"");
        }
        for (String key : List.of("use_dora", "fan_in_fan_out", "lora_bias", "use_qalora")) {
            if (json.flag(key, false)) {
                throw json.invalid(key, "is not supported");
            }
        }
        if (!json.text("bias", "none").equals("none")) {
            throw json.invalid("bias", "is not supported, expected \"none\"");
        }
        for (String key :
                List.of("layer_replication", "trainable_token_indices", "exclude_modules", "target_parameters")) {
            if (json.has(key) && !json.json().path(key).isEmpty()) {
                throw json.invalid(key, "is not supported");
            }
        }
        checkInitialisation(json);
        try {
            return new LoraConfig(
                    Optional.ofNullable(json.text("base_model_name_or_path", null)),
                    json.positive("r"),
                    json.number("lora_alpha"),
                    json.number("lora_dropout", 0),
                    targets(json),
                    json.flag("use_rslora", false),
                    patterns(json, "rank_pattern", n -> n.isInt() ? n.intValue() : null),
                    patterns(json, "alpha_pattern", n -> n.isNumber() ? n.doubleValue() : null),
                    layers(json),
                    saved(json));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(json.path() + ": " + e.getMessage(), e);
        }
    }

    /** Some ways to begin change the base's weights, so that the file alone does not tell the model. */
    private static void checkInitialisation(ConfigJson json) {
        JsonNode value = json.json().path("init_lora_weights");
        if (value.isTextual() && !value.textValue().equals("gaussian")) {
            throw json.invalid("init_lora_weights", "is not supported: such adapters change the base model as well");
        }
    }

    private static TargetModules targets(ConfigJson json) {
        if (!json.json().path("target_modules").isTextual()) {
            return new TargetModules.Named(json.texts("target_modules"));
        }
        String text = json.text("target_modules");
        if (text.equals("all-linear")) {
            return new TargetModules.All();
        }
        try {
            return new TargetModules.Matching(Pattern.compile(text));
        } catch (PatternSyntaxException e) {
            throw json.invalid("target_modules", "is no regular expression: " + e.getDescription());
        }
    }

    private static <T> Map<String, T> patterns(ConfigJson json, String key, Function<JsonNode, T> value) {
        Map<String, T> out = new LinkedHashMap<>();
        json.objectOrEmpty(key).json().properties().forEach(e -> {
            T v = value.apply(e.getValue());
            if (v == null) {
                throw json.invalid(key, "has a value that is no number");
            }
            try {
                Pattern.compile(e.getKey());
            } catch (PatternSyntaxException _) {
                throw json.invalid(key, "has a key that is no regular expression: " + e.getKey());
            }
            out.put(e.getKey(), v);
        });
        return out;
    }

    private static Set<Integer> layers(ConfigJson json) {
        if (!json.has("layers_to_transform")) {
            return Set.of();
        }
        if (json.has("layers_pattern") && !json.json().path("layers_pattern").isEmpty()) {
            List<String> patterns = json.json().path("layers_pattern").isTextual()
                    ? List.of(json.text("layers_pattern"))
                    : json.texts("layers_pattern");
            if (!patterns.equals(List.of("layers")) && !patterns.equals(List.of(""))) {
                throw json.invalid("layers_pattern", "is not supported, expected \"layers\"");
            }
        }
        if (json.json().path("layers_to_transform").isInt()) {
            return Set.of(json.integer("layers_to_transform"));
        }
        Set<Integer> out = new TreeSet<>();
        json.wholes("layers_to_transform").forEach(l -> out.add(Math.toIntExact(l)));
        return out;
    }

    private static List<String> saved(ConfigJson json) {
        List<String> saved = json.has("modules_to_save") ? json.texts("modules_to_save") : List.of();
        if (!PROJECTORS.containsAll(saved)) {
            throw json.invalid("modules_to_save", "is not supported, expected none or a projector, of " + PROJECTORS);
        }
        return saved;
    }

    /** As PEFT writes it. */
    static ObjectNode write(LoraConfig config) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ObjectNode alphaPattern = json.putObject("alpha_pattern");
        config.alphas().forEach(alphaPattern::put);
        json.putNull("auto_mapping");
        json.put("base_model_name_or_path", config.base().orElse(null));
        json.put("bias", "none");
        json.put("fan_in_fan_out", false);
        json.put("inference_mode", true);
        json.put("init_lora_weights", true);
        json.putNull("layers_pattern");
        if (config.layers().isEmpty()) {
            json.putNull("layers_to_transform");
        } else {
            config.layers().stream().sorted().forEach(json.putArray("layers_to_transform")::add);
        }
        if (config.alpha() == Math.rint(config.alpha())) {
            json.put("lora_alpha", (long) config.alpha());
        } else {
            json.put("lora_alpha", config.alpha());
        }
        json.put("lora_dropout", config.dropout());
        if (config.saved().isEmpty()) {
            json.putNull("modules_to_save");
        } else {
            config.saved().forEach(json.putArray("modules_to_save")::add);
        }
        json.put("peft_type", "LORA");
        json.put("r", config.rank());
        ObjectNode rankPattern = json.putObject("rank_pattern");
        config.ranks().forEach(rankPattern::put);
        json.putNull("revision");
        switch (config.targets()) {
            case TargetModules.All _ -> json.put("target_modules", "all-linear");
            case TargetModules.Matching(Pattern pattern) -> json.put("target_modules", pattern.pattern());
            case TargetModules.Named(List<String> names) -> names.forEach(json.putArray("target_modules")::add);
        }
        json.put("task_type", "CAUSAL_LM");
        json.put("use_dora", false);
        json.put("use_rslora", config.rankStabilised());
        return json;
    }
}
