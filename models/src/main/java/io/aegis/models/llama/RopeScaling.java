package io.aegis.models.llama;

import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;

/**
 * How a model's rotary frequencies were stretched so that it serves contexts longer than those it was first trained on.
 * Everything is computed in float32, operation by operation as Hugging Face does: at position 4000 one unit in the last
 * place of a frequency turns a pair by 2e-4.
 */
public sealed interface RopeScaling {
    /** As trained. */
    RopeScaling NONE = new None();

    /** No scaling. */
    record None() implements RopeScaling {
        @Override
        public float[] apply(float[] frequencies) {
            return frequencies.clone();
        }
    }

    /** All frequencies divided by {@code factor}: positions interpolated (arXiv 2306.15595). */
    record Linear(double factor) implements RopeScaling {
        @Override
        public float[] apply(float[] frequencies) {
            float[] out = frequencies.clone();
            for (int i = 0; i < out.length; i++) {
                out[i] /= (float) factor;
            }
            return out;
        }
    }

    /**
     * Llama 3.1's: waves longer than {@code original / low} are stretched by {@code factor}, those shorter than {@code
     * original / high} stay, and those between are blended.
     *
     * @param low low_freq_factor
     * @param high high_freq_factor, above {@code low}
     * @param original original_max_position_embeddings
     */
    record Llama3(double factor, double low, double high, int original) implements RopeScaling {
        @Override
        public float[] apply(float[] frequencies) {
            float longest = (float) (original / low);
            float shortest = (float) (original / high);
            float[] out = frequencies.clone();
            for (int i = 0; i < out.length; i++) {
                float f = frequencies[i];
                float wave = 1 / f * (float) (2 * Math.PI);
                if (wave > longest) {
                    out[i] = f / (float) factor;
                } else if (!(wave < shortest)) {
                    float smooth = (1 / wave * original - (float) low) / (float) (high - low);
                    out[i] = (1 - smooth) * f / (float) factor + smooth * f;
                }
            }
            return out;
        }
    }

    /** Radians a position of each pair, scaled. */
    float[] apply(float[] frequencies);

    /**
     * What a config says under {@code rope_scaling} or, since transformers 5, {@code rope_parameters}; {@link #NONE} where
     * there is neither.
     *
     * @throws WeightsException for a kind that is not known here, or numbers that make no sense
     */
    static RopeScaling of(ConfigJson config) {
        RopeScaling older = config.has("rope_scaling") ? parse(config.object("rope_scaling")) : NONE;
        RopeScaling newer = config.has("rope_parameters") ? parse(config.object("rope_parameters")) : older;
        if (config.has("rope_scaling") && !older.equals(newer)) {
            throw config.invalid("rope_parameters", "contradicts rope_scaling");
        }
        return newer;
    }

    private static RopeScaling parse(ConfigJson json) {
        String key = json.has("rope_type") ? "rope_type" : "type";
        if (json.number("partial_rotary_factor", 1) != 1) {
            throw json.invalid("partial_rotary_factor", "is not supported, expected 1");
        }
        return switch (json.text(key, "default")) {
            case "default" -> NONE;
            case "linear" -> new Linear(factor(json));
            case "llama3" -> llama3(json);
            default -> throw json.invalid(key, "is not supported, expected default, linear or llama3");
        };
    }

    private static RopeScaling llama3(ConfigJson json) {
        double low = json.number("low_freq_factor");
        double high = json.number("high_freq_factor");
        if (low <= 0) {
            throw json.invalid("low_freq_factor", "is not above 0");
        }
        if (high <= low) {
            throw json.invalid("high_freq_factor", "is not above low_freq_factor " + low);
        }
        return new Llama3(factor(json), low, high, json.positive("original_max_position_embeddings"));
    }

    private static double factor(ConfigJson json) {
        double factor = json.number("factor");
        if (factor < 1) {
            throw json.invalid("factor", "is below 1");
        }
        return factor;
    }
}
