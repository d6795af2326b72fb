package io.aegis.models.faceshield;

import io.aegis.models.llama.GenerationOptions;
import java.util.Arrays;

/** How many tokens prompts about a picture take, with all of the picture's, and the answers to them. */
final class PromptLengths {
    private final FaceShieldConfig config;
    private final PromptText prompts;

    PromptLengths(FaceShieldConfig config, PromptText prompts) {
        this.config = config;
        this.prompts = prompts;
    }

    /**
     * Fails when a prompt is longer than the model's context.
     *
     * @throws IllegalArgumentException with both lengths
     */
    void requireFits(long tokens) {
        if (tokens > config.longest()) {
            throw new IllegalArgumentException("the prompt has " + tokens + " tokens, " + config.visionTokens()
                    + " of them the picture's, more than the model's " + config.longest());
        }
    }

    /** Of a question's prompt. */
    long prompt(String question) {
        return prompts.prompt(question).length - config.options().streams().slots() + config.visionTokens();
    }

    /** Of a prompt and the longest answer. */
    long withAnswer(String question, GenerationOptions options) {
        return Math.min(prompt(question) + options.maxNewTokens(), config.longest() + 1L);
    }

    /** Of a prompt up to the picture's last. */
    long picture(String question) {
        long[] ids = prompts.prompt(question);
        int last = ids.length - 1;
        while (ids[last] != FaceShieldNetwork.PICTURE) {
            last--;
        }
        return last + 1L - config.options().streams().slots() + config.visionTokens();
    }

    /** The two answers to the coarse question that a face is scored by, as tokens. */
    long[][] canonicalAnswers() {
        return config.options().prompts().answers().stream()
                .map(answer -> prompts.answer(coarse(), answer))
                .toArray(long[][]::new);
    }

    /** Of the longer of these. */
    int canonical() {
        return Arrays.stream(canonicalAnswers()).mapToInt(a -> a.length).max().orElse(1);
    }

    /** Of what a score takes. */
    long score() {
        return prompt(coarse()) + canonical();
    }

    private String coarse() {
        return config.options().prompts().question(FaceTask.COARSE);
    }
}
