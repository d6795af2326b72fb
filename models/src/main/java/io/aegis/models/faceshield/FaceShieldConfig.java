package io.aegis.models.faceshield;

import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.vit.VitConfig;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.util.Objects;

/**
 * Sizes and choices of a FaceShield.
 *
 * @param vision the tower
 * @param feature which of its hidden states is used
 * @param language the language model
 * @param framing how a picture becomes square
 * @param longest tokens of a prompt and its answer at most, pictures included
 * @param options what the paper leaves open
 */
public record FaceShieldConfig(
        VitConfig vision,
        VisionLanguageConfig.Feature feature,
        LlamaConfig language,
        Frame framing,
        int longest,
        FaceShieldOptions options) {
    private static final Choice<Frame> FRAME = Choice.of(Frame.class);

    /** {@code image_aspect_ratio}. */
    public enum Frame {
        /** Bars around the shorter side. */
        PAD,
        /** Stretched. */
        SQUARE
    }

    public FaceShieldConfig {
        Objects.requireNonNull(vision);
        Objects.requireNonNull(feature);
        Objects.requireNonNull(language);
        Objects.requireNonNull(framing);
        Objects.requireNonNull(options);
    }

    /**
     * What a config.json says of a vision-language model and its {@code faceshield} block.
     *
     * @throws WeightsException when it is a tower or a language model alone, or a setting is not known
     */
    public static FaceShieldConfig of(VisionLanguageConfig sizes, ConfigJson json) {
        VitConfig vision = sizes.vision().orElseThrow(() -> alone(json, "tower"));
        LlamaConfig language = sizes.language().orElseThrow(() -> alone(json, "language model"));
        int longest = Math.min(language.context(), json.positive("tokenizer_model_max_length", language.context()));
        return new FaceShieldConfig(
                vision,
                sizes.feature(),
                language,
                FRAME.read(json, "image_aspect_ratio", Frame.PAD),
                longest,
                FaceShieldOptionsJson.read(json));
    }

    private static WeightsException alone(ConfigJson json, String missing) {
        return WeightsException.of(
                json.path(), "describes a model without a " + missing + ", expected a vision-language model");
    }

    /** The same with other options. */
    public FaceShieldConfig with(FaceShieldOptions other) {
        return new FaceShieldConfig(vision, feature, language, framing, longest, other);
    }

    /** n, tokens of one stream. */
    public int streamTokens() {
        return vision.tokens() - (feature.dropFirst() ? 1 : 0);
    }

    /** Tokens of a picture before any is masked, 2n or n. */
    public int visionTokens() {
        return options.streams().count() * streamTokens();
    }
}
