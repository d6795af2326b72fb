package io.aegis.models.faceshield;

import java.util.Objects;
import java.util.OptionalDouble;

/**
 * How vision tokens are masked. The paper gives S = softmax(cos(V_i, P)), the top k percent kept and the others masked
 * with probability p; all else is open.
 *
 * @param prompt what P is
 * @param space where the cosine is taken
 * @param ranking of what the top k percent are
 * @param keepPercent k, in (0, 100]
 * @param maskPercent p, in [0, 100]
 * @param masking what a masked token becomes
 * @param training what is masked in training
 * @param inference what is masked when questions are answered
 * @param temperature cosines are divided by it before the softmax, which changes no rank; empty for one that is learned
 */
public record PvtmOptions(
        PromptVector prompt,
        SimilaritySpace space,
        TokenRanking ranking,
        double keepPercent,
        double maskPercent,
        TokenMasking masking,
        MaskingMode training,
        MaskingMode inference,
        OptionalDouble temperature) {
    /** No parameters, deterministic answers from all tokens. */
    public static final PvtmOptions DEFAULT = new PvtmOptions(
            PromptVector.MEAN,
            SimilaritySpace.LLM,
            TokenRanking.JOINT,
            50,
            50,
            TokenMasking.REMOVE,
            MaskingMode.STOCHASTIC,
            MaskingMode.OFF,
            OptionalDouble.of(1));

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException in the words of {@code config.json}
     */
    public PvtmOptions {
        Objects.requireNonNull(prompt);
        Objects.requireNonNull(space);
        Objects.requireNonNull(ranking);
        Objects.requireNonNull(masking);
        Objects.requireNonNull(training);
        Objects.requireNonNull(inference);
        if (!(keepPercent > 0 && keepPercent <= 100)) {
            throw new IllegalArgumentException("keep_percent " + keepPercent + " is not above 0 and at most 100");
        }
        if (!(maskPercent >= 0 && maskPercent <= 100)) {
            throw new IllegalArgumentException("mask_probability " + maskPercent + " is not a percentage");
        }
        if (temperature.isPresent() && !(temperature.getAsDouble() > 0)) {
            throw new IllegalArgumentException("temperature " + temperature.getAsDouble() + " is not above 0");
        }
        if (temperature.isEmpty() && space != SimilaritySpace.TOWER) {
            throw new IllegalArgumentException(
                    "temperature \"learned\" needs a similarity that is learned, in the tower's"
                            + " space: elsewhere no gradient reaches it");
        }
    }

    /** The same but for what is masked when questions are answered. */
    public PvtmOptions withInference(MaskingMode mode) {
        return new PvtmOptions(prompt, space, ranking, keepPercent, maskPercent, masking, training, mode, temperature);
    }
}
