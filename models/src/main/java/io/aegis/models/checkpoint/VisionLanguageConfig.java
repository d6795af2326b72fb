package io.aegis.models.checkpoint;

import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.vit.VitConfig;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a {@code config.json} says of a vision-language model, or of one of its parts alone.
 *
 * @param vision the tower; empty for a language model
 * @param language the language model; empty for a tower
 * @param feature which of the tower's tokens the projector sees; null unless both are there
 */
public record VisionLanguageConfig(Optional<VitConfig> vision, Optional<LlamaConfig> language, Feature feature) {
    /** The id that stands for a picture in prompts of Bunny and LLaVA, outside any vocabulary. */
    public static final long IMAGE_TOKEN = -200;

    /**
     * From the tower to the projector.
     *
     * @param layer the hidden state, negative from behind: -2 is what all but the last block give
     * @param dropFirst whether the first token is left out, CLIP's class token
     * @param pictureToken the id that stands for pictures in prompts
     */
    public record Feature(int layer, boolean dropFirst, long pictureToken) {}

    /**
     * Reads a config. What Bunny's and LLaVA's own configs leave out of the tower is that of the published tower they
     * name; a {@code vision_config} is honoured where there is one. The vocabulary is not read, but given.
     *
     * @param vocabulary rows of the embedding; empty for a tower
     * @param tower the tower of a checkpoint without one, from a folder of its own; empty otherwise
     * @throws WeightsException when the model is not one of those known, a key has the wrong type or contradicts another
     */
    public static VisionLanguageConfig read(ConfigJson json, OptionalLong vocabulary, Optional<VitConfig> tower) {
        return switch (layout(json)) {
            case TOWER, BARE_TOWER -> new VisionLanguageConfig(Optional.of(tower(json)), Optional.empty(), null);
            case LLAMA -> new VisionLanguageConfig(Optional.empty(), Optional.of(llama(json, vocabulary)), null);
            case LLAVA_HF, LLAVA_HF_NEW -> huggingFace(json, vocabulary, tower);
            case ORIGINAL -> original(json, vocabulary, tower);
        };
    }

    /**
     * The layout in which a project publishes models with such a config; the files may have that of a newer release.
     *
     * @throws WeightsException when the model is not one of those known
     */
    public static CheckpointLayout layout(ConfigJson json) {
        return switch (json.text("model_type")) {
            case "bunny-llama", "llava_llama" -> CheckpointLayout.ORIGINAL;
            // LLaVA's first releases and Hugging Face's port share a name.
            case "llava" -> json.has("text_config") ? CheckpointLayout.LLAVA_HF : CheckpointLayout.ORIGINAL;
            case "siglip", "siglip_vision_model", "clip", "clip_vision_model" -> CheckpointLayout.TOWER;
            case "llama" -> CheckpointLayout.LLAMA;
            default ->
                throw json.invalid(
                        "model_type",
                        "is not known here, expected bunny-llama, llava, llava_llama, siglip, siglip_vision_model, clip,"
                                + " clip_vision_model or llama");
        };
    }

    private static VitConfig tower(ConfigJson json) {
        return VitConfig.read(json.has("vision_config") ? json.object("vision_config") : json);
    }

    private static LlamaConfig llama(ConfigJson json, OptionalLong vocabulary) {
        return LlamaConfig.of(
                json,
                vocabulary.orElseThrow(() -> WeightsException.of(
                        json.path(), "is that of a language model, but there is no embedding beside it")));
    }

    private static VisionLanguageConfig huggingFace(
            ConfigJson json, OptionalLong vocabulary, Optional<VitConfig> tower) {
        ConfigJson text = json.object("text_config");
        if (!text.text("model_type", "llama").equals("llama")) {
            throw text.invalid("model_type", "is no language model known here, expected llama");
        }
        if (!json.text("projector_hidden_act", "gelu").equals("gelu")) {
            throw json.invalid("projector_hidden_act", "is not known, expected gelu");
        }
        if (json.has("multimodal_projector_bias") && !json.flag("multimodal_projector_bias")) {
            throw json.invalid("multimodal_projector_bias", "is not known, expected true");
        }
        String strategy = json.text("vision_feature_select_strategy", "default");
        if (!strategy.equals("default") && !strategy.equals("full")) {
            throw json.invalid("vision_feature_select_strategy", "is not known, expected default or full");
        }
        long picture =
                json.has("image_token_id") ? json.whole("image_token_id") : json.whole("image_token_index", 32000);
        return joined(
                json,
                "vision_feature_layer",
                tower.orElseGet(() -> VitConfig.read(json.object("vision_config"))),
                llama(text, vocabulary),
                new Feature(json.integer("vision_feature_layer", -2), strategy.equals("default"), picture));
    }

    private static VisionLanguageConfig original(ConfigJson json, OptionalLong vocabulary, Optional<VitConfig> tower) {
        String projector = json.text("mm_projector_type", "mlp2x_gelu");
        if (!projector.equals("mlp2x_gelu")) {
            throw json.invalid("mm_projector_type", "is not known, expected mlp2x_gelu");
        }
        if (json.flag("use_s2", false)) {
            throw json.invalid(
                    "use_s2", "is not supported: this tower sees a picture at one scale, of 384 or 336 pixels");
        }
        String feature = json.text("mm_vision_select_feature", "patch");
        if (!feature.equals("patch")) {
            throw json.invalid("mm_vision_select_feature", "is not known, expected patch");
        }
        VitConfig vision = tower.orElseGet(() -> named(json));
        if (json.has("mm_hidden_size") && json.integer("mm_hidden_size") != vision.width()) {
            throw json.invalid("mm_hidden_size", "is not the width of the vision tower, " + vision.width());
        }
        return joined(
                json,
                "mm_vision_select_layer",
                vision,
                llama(json, vocabulary),
                new Feature(json.integer("mm_vision_select_layer", -2), vision.hasClassToken(), IMAGE_TOKEN));
    }

    /** The tower that a config without its sizes names; one that is silent means its project's own. */
    private static VitConfig named(ConfigJson json) {
        if (json.has("vision_config")) {
            return VitConfig.read(json.object("vision_config"));
        }
        boolean bunny = json.text("model_type").startsWith("bunny");
        String own = bunny ? "siglip-so400m-patch14-384" : "clip-vit-large-patch14-336";
        String name = json.text("mm_vision_tower", own);
        return VitConfig.published(name)
                .orElseThrow(() -> json.invalid(
                        "mm_vision_tower", "is no tower known here, and there is no vision_config with its sizes"));
    }

    private static VisionLanguageConfig joined(
            ConfigJson json, String layerKey, VitConfig vision, LlamaConfig language, Feature feature) {
        try {
            vision.blocks(feature.layer);
        } catch (IllegalArgumentException e) {
            throw json.invalid(layerKey, "is none: " + e.getMessage());
        }
        return new VisionLanguageConfig(Optional.of(vision), Optional.of(language), feature);
    }

    /** Rows that a picture takes in the language model's input; 0 without a tower and a language model. */
    public int pictureRows() {
        return feature == null ? 0 : vision.orElseThrow().tokens() - (feature.dropFirst ? 1 : 0);
    }
}
