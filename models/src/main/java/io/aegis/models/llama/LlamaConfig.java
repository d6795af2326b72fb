package io.aegis.models.llama;

import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;

/**
 * Sizes and constants of a Llama.
 *
 * @param vocabulary V, rows of the embedding
 * @param hidden d, channels of a token
 * @param intermediate width of the MLP
 * @param layers number of blocks
 * @param heads Hq, query heads
 * @param keyHeads Hkv, heads of keys and values; divides {@code heads}
 * @param headSize D, channels of a head, even; heads times D need not be d
 * @param eps of the RMS norms
 * @param theta base of the rotary frequencies
 * @param scaling of the rotary frequencies
 * @param tied the logits come from the embedding's own matrix
 * @param context positions that the model knows
 */
public record LlamaConfig(
        long vocabulary,
        int hidden,
        int intermediate,
        int layers,
        int heads,
        int keyHeads,
        int headSize,
        double eps,
        double theta,
        RopeScaling scaling,
        boolean tied,
        int context) {
    /** Far above any use, and low enough that a slip of the pen does not exhaust memory before the weights are seen. */
    private static final int MOST_LAYERS = 1000;

    private static final int WIDEST = 1 << 20;

    /**
     * Checks that the sizes fit each other.
     *
     * @throws IllegalArgumentException in the words of {@code config.json}
     */
    public LlamaConfig {
        atMost("hidden_size", hidden, WIDEST);
        atMost("intermediate_size", intermediate, WIDEST);
        atMost("num_hidden_layers", layers, MOST_LAYERS);
        atMost("num_attention_heads", heads, WIDEST);
        atMost("num_key_value_heads", keyHeads, WIDEST);
        atMost("head_dim", headSize, WIDEST);
        atMost("max_position_embeddings", context, Integer.MAX_VALUE);
        if (vocabulary <= 0) {
            throw new IllegalArgumentException("the vocabulary has " + vocabulary + " tokens");
        }
        if (heads % keyHeads != 0) {
            throw new IllegalArgumentException(
                    "num_key_value_heads " + keyHeads + " does not divide num_attention_heads " + heads);
        }
        if (headSize % 2 != 0) {
            throw new IllegalArgumentException(
                    "heads of " + headSize + " channels cannot be turned in pairs, expected an even number");
        }
        if (!(eps > 0)) {
            throw new IllegalArgumentException("rms_norm_eps " + eps + " is not above 0");
        }
        if (!(theta > 1)) {
            throw new IllegalArgumentException("rope_theta " + theta + " is not above 1");
        }
    }

    private static void atMost(String key, int value, int most) {
        if (value <= 0 || value > most) {
            throw new IllegalArgumentException(key + " " + value + " is not between 1 and " + most);
        }
    }

    /**
     * Reads the keys of Hugging Face's {@code LlamaConfig}; those that are absent have its defaults. {@code vocab_size} is
     * not read: published configs have been wrong about it.
     *
     * @param json a {@code config.json}, or the object in it that describes the language model
     * @param vocabulary rows of the embedding
     * @throws WeightsException when a key has the wrong type, contradicts another, or asks for what is not supported
     */
    public static LlamaConfig of(ConfigJson json, long vocabulary) {
        refuse(json, "attention_bias");
        refuse(json, "mlp_bias");
        if (!json.text("hidden_act", "silu").equals("silu")) {
            throw json.invalid("hidden_act", "is not supported, expected \"silu\"");
        }
        int hidden = json.positive("hidden_size", 4096);
        int heads = json.positive("num_attention_heads", 32);
        if (!json.has("head_dim") && hidden % heads != 0) {
            throw json.invalid("num_attention_heads", "does not divide hidden_size " + hidden);
        }
        RopeScaling scaling = RopeScaling.of(json);
        double theta = theta(json);
        try {
            return new LlamaConfig(
                    vocabulary,
                    hidden,
                    json.positive("intermediate_size", 11008),
                    json.positive("num_hidden_layers", 32),
                    heads,
                    json.positive("num_key_value_heads", heads),
                    json.positive("head_dim", hidden / heads),
                    json.number("rms_norm_eps", 1e-6),
                    theta,
                    scaling,
                    json.flag("tie_word_embeddings", false),
                    json.positive("max_position_embeddings", 2048));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(json.path() + ": " + e.getMessage(), e);
        }
    }

    private static void refuse(ConfigJson json, String key) {
        if (json.flag(key, false)) {
            throw json.invalid(key, "is not supported: Llama's projections have no biases here");
        }
    }

    private static double theta(ConfigJson json) {
        ConfigJson nested = json.objectOrEmpty("rope_parameters");
        double theta = json.number("rope_theta", nested.number("rope_theta", 10000));
        if (nested.has("rope_theta") && nested.number("rope_theta") != theta) {
            throw json.invalid("rope_theta", "contradicts rope_parameters.rope_theta " + nested.number("rope_theta"));
        }
        return theta;
    }
}
