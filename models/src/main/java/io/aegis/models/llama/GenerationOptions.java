package io.aegis.models.llama;

import com.fasterxml.jackson.databind.JsonNode;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * How the next token is chosen, and when to stop. The order is that of Hugging Face: repetition penalty, temperature, top-k,
 * top-p, and a draw.
 *
 * @param maxNewTokens tokens at most
 * @param temperature logits are divided by it; 0 always takes the likeliest token
 * @param topK only so many of the likeliest tokens, and those as likely as the last of them; 0 for all
 * @param topP only the fewest likeliest tokens whose probabilities reach it; 1 for all
 * @param repetitionPenalty logits of tokens that were seen are divided by it where positive and multiplied where negative;
 *     1 for none (Keskar et al., arXiv 1909.05858)
 * @param stopIds tokens that end the answer and are no part of it
 * @param stopStrings texts that end the answer and are no part of it
 * @param seed of the draws
 */
public record GenerationOptions(
        int maxNewTokens,
        double temperature,
        int topK,
        double topP,
        double repetitionPenalty,
        Set<Integer> stopIds,
        List<String> stopStrings,
        long seed) {
    /** The likeliest token each time, 256 at most, no stops. */
    public static final GenerationOptions GREEDY = new GenerationOptions(256, 0, 0, 1, 1, Set.of(), List.of(), 0);

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException for a number out of its range, or an empty stop string
     */
    public GenerationOptions {
        require(maxNewTokens > 0, "max new tokens", maxNewTokens, "above 0");
        require(temperature >= 0 && Double.isFinite(temperature), "temperature", temperature, "at least 0");
        require(topK >= 0, "top-k", topK, "at least 0");
        require(topP > 0 && topP <= 1, "top-p", topP, "above 0 and at most 1");
        require(
                repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
                "repetition penalty",
                repetitionPenalty,
                "above 0");
        if (stopStrings.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("an empty stop string would end every answer");
        }
        stopIds = Set.copyOf(stopIds);
        stopStrings = List.copyOf(stopStrings);
    }

    private static void require(boolean holds, String what, double value, String expected) {
        if (!holds) {
            throw new IllegalArgumentException(what + " " + value + ": expected a number " + expected);
        }
    }

    public GenerationOptions withMaxNewTokens(int most) {
        return new GenerationOptions(most, temperature, topK, topP, repetitionPenalty, stopIds, stopStrings, seed);
    }

    /** Draws instead of taking the likeliest. */
    public GenerationOptions sampled(double temperature, int topK, double topP, long seed) {
        return new GenerationOptions(
                maxNewTokens, temperature, topK, topP, repetitionPenalty, stopIds, stopStrings, seed);
    }

    public GenerationOptions withRepetitionPenalty(double penalty) {
        return new GenerationOptions(maxNewTokens, temperature, topK, topP, penalty, stopIds, stopStrings, seed);
    }

    public GenerationOptions withStops(Set<Integer> ids, List<String> strings) {
        return new GenerationOptions(maxNewTokens, temperature, topK, topP, repetitionPenalty, ids, strings, seed);
    }

    /**
     * The tokens that end an answer of the model in a folder: {@code eos_token_id}, a number or a list of them, of {@code
     * generation_config.json}, else of {@code config.json} or its {@code text_config}. None where nothing is said.
     *
     * @throws WeightsException when it is something else
     */
    public static Set<Integer> stopIds(Path folder) {
        Path file = folder.resolve("generation_config.json");
        if (Files.exists(file)) {
            ConfigJson generation = ConfigJson.read(file);
            if (generation.has("eos_token_id")) {
                return ids(generation);
            }
        }
        ConfigJson config = ConfigJson.read(folder);
        return ids(config.has("eos_token_id") ? config : config.objectOrEmpty("text_config"));
    }

    private static Set<Integer> ids(ConfigJson config) {
        Set<Integer> ids = new TreeSet<>();
        JsonNode value = config.json().path("eos_token_id");
        for (JsonNode id : value.isArray() ? value : List.of(value)) {
            if (id.isMissingNode() || id.isNull()) {
                continue;
            }
            if (!id.canConvertToExactIntegral() || !id.canConvertToInt()) {
                throw config.invalid("eos_token_id", "is neither a token's number nor a list of them");
            }
            ids.add(id.intValue());
        }
        return ids;
    }
}
