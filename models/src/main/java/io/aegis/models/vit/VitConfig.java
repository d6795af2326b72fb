package io.aegis.models.vit;

import io.aegis.kernels.Activation;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Sizes of a vision tower.
 *
 * @param kind which of the two architectures
 * @param width D, channels of a token
 * @param mlp hidden width of the blocks' MLPs
 * @param layers L, blocks
 * @param heads attention heads
 * @param image S, pixels a side of a picture; what does not fill a patch at the right and the bottom is dropped
 * @param patch pixels a side of a patch
 * @param activation inside the MLPs
 * @param eps of all layer norms
 * @param head whether SigLIP's attention pooling is there
 */
public record VitConfig(
        Kind kind,
        int width,
        int mlp,
        int layers,
        int heads,
        int image,
        int patch,
        Activation activation,
        double eps,
        boolean head) {
    /** The two architectures. */
    public enum Kind {
        /** A biased patch embedding and no class token; pooled by attention with a learned query. */
        SIGLIP,
        /** A class token, a layer norm before the first block, a patch embedding without a bias. */
        CLIP
    }

    /** Far above any use, and low enough that a slip of the pen does not exhaust memory before the weights are seen. */
    private static final int MOST_LAYERS = 1000;

    /** google/siglip-so400m-patch14-384, Bunny's tower: 729 tokens of 1152, heads of 72. */
    public static final VitConfig SIGLIP_SO400M_384 = siglip(1152, 4304, 27, 16, 384, 14);

    /** openai/clip-vit-large-patch14-336, LLaVA-1.5's tower: 576 patches and a class token of 1024, heads of 64. */
    public static final VitConfig CLIP_L_336 = clip(1024, 4096, 24, 16, 336, 14);

    private record Published(String name, VitConfig config) {}

    private static final List<Published> PUBLISHED = List.of(
            new Published("siglip-so400m-patch14-384", SIGLIP_SO400M_384),
            new Published("siglip-so400m-patch14-224", siglip(1152, 4304, 27, 16, 224, 14)),
            new Published("siglip-base-patch16-224", siglip(768, 3072, 12, 12, 224, 16)),
            new Published("siglip-base-patch16-384", siglip(768, 3072, 12, 12, 384, 16)),
            new Published("siglip-large-patch16-384", siglip(1024, 4096, 24, 16, 384, 16)),
            new Published("clip-vit-large-patch14-336", CLIP_L_336),
            new Published("clip-vit-large-patch14", clip(1024, 4096, 24, 16, 224, 14)),
            new Published("clip-vit-base-patch16", clip(768, 3072, 12, 12, 224, 16)));

    public VitConfig {
        if (heads <= 0 || width % heads != 0) {
            throw new IllegalArgumentException(
                    "num_attention_heads " + heads + " does not divide hidden_size " + width);
        }
        if (patch <= 0 || image < patch) {
            throw new IllegalArgumentException("image_size " + image + " holds no patch of " + patch);
        }
        if (layers > MOST_LAYERS) {
            throw new IllegalArgumentException("num_hidden_layers " + layers + " is more than " + MOST_LAYERS);
        }
        if (!(eps > 0)) {
            throw new IllegalArgumentException("layer_norm_eps " + eps + " is not above 0");
        }
    }

    private static VitConfig siglip(int width, int mlp, int layers, int heads, int image, int patch) {
        return new VitConfig(Kind.SIGLIP, width, mlp, layers, heads, image, patch, Activation.GELU_TANH, 1e-6, true);
    }

    private static VitConfig clip(int width, int mlp, int layers, int heads, int image, int patch) {
        return new VitConfig(Kind.CLIP, width, mlp, layers, heads, image, patch, Activation.QUICK_GELU, 1e-5, false);
    }

    /**
     * A published tower by the last part of its name, such as {@code siglip-so400m-patch14-384}, in which form configs
     * without a {@code vision_config} name theirs; a folder before it does not matter.
     */
    public static Optional<VitConfig> published(String name) {
        String last = name.replace('\\', '/')
                .replaceAll("/+$", "")
                .replaceAll(".*/", "")
                .toLowerCase(Locale.ROOT);
        return PUBLISHED.stream()
                .filter(p -> p.name.equals(last))
                .map(Published::config)
                .findFirst();
    }

    /**
     * Reads a tower's {@code config.json}, or the {@code vision_config} of another's. What is left out is Hugging Face's
     * default, that of SigLIP base or CLIP base.
     *
     * @throws WeightsException when the model type or the activation is not known, or sizes do not fit
     */
    public static VitConfig read(ConfigJson json) {
        String type = json.text("model_type");
        Kind kind =
                switch (type) {
                    case "siglip_vision_model" -> Kind.SIGLIP;
                    case "clip_vision_model" -> Kind.CLIP;
                    default ->
                        throw json.invalid(
                                "model_type", "is no vision tower, expected siglip_vision_model or clip_vision_model");
                };
        boolean siglip = kind == Kind.SIGLIP;
        if (json.integer("num_channels", 3) != 3) {
            throw json.invalid("num_channels", "is not 3");
        }
        try {
            return new VitConfig(
                    kind,
                    json.positive("hidden_size", 768),
                    json.positive("intermediate_size", 3072),
                    json.positive("num_hidden_layers", 12),
                    json.positive("num_attention_heads", 12),
                    json.positive("image_size", 224),
                    json.positive("patch_size", siglip ? 16 : 32),
                    activation(json, siglip ? "gelu_pytorch_tanh" : "quick_gelu"),
                    json.number("layer_norm_eps", siglip ? 1e-6 : 1e-5),
                    siglip && json.flag("vision_use_head", true));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(json.path() + ": " + e.getMessage(), e);
        }
    }

    private static Activation activation(ConfigJson json, String otherwise) {
        return switch (json.text("hidden_act", otherwise)) {
            case "gelu_pytorch_tanh", "gelu_new" -> Activation.GELU_TANH;
            case "quick_gelu" -> Activation.QUICK_GELU;
            case "gelu" -> Activation.GELU;
            default -> throw json.invalid("hidden_act", "is not known, expected gelu_pytorch_tanh, quick_gelu or gelu");
        };
    }

    /** The same without attention pooling. */
    public VitConfig withoutHead() {
        return new VitConfig(kind, width, mlp, layers, heads, image, patch, activation, eps, false);
    }

    /** G, patches a side. */
    public int grid() {
        return image / patch;
    }

    /** Patches of a picture. */
    public int patches() {
        return grid() * grid();
    }

    /** Whether token 0 is a class token. */
    public boolean hasClassToken() {
        return kind == Kind.CLIP;
    }

    /** N, tokens of a picture, a class token included. */
    public int tokens() {
        return patches() + (hasClassToken() ? 1 : 0);
    }

    /**
     * The number of blocks behind which a hidden state lies: 0 is the embedding, L the last block's output; negative
     * ones count from behind, so that -2 is what all but the last block give.
     *
     * @throws IllegalArgumentException when there is no such hidden state
     */
    public int blocks(int layer) {
        int blocks = layer < 0 ? layers + 1 + layer : layer;
        if (blocks < 0 || blocks > layers) {
            throw new IllegalArgumentException("there is no hidden state " + layer + " in a tower of " + layers
                    + " blocks, expected -" + (layers + 1) + " to " + layers);
        }
        return blocks;
    }
}
