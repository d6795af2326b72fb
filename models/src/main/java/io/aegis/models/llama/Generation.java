package io.aegis.models.llama;

/**
 * An answer.
 *
 * @param tokens all that were chosen, but for a stop id
 * @param text of the tokens, up to a stop string
 * @param logProbabilities of each token, by the model's logits as they are
 * @param ending why it ended
 */
public record Generation(int[] tokens, String text, double[] logProbabilities, Ending ending) {
    /** Why an answer ended. */
    public enum Ending {
        STOP_ID,
        STOP_STRING,
        /** As many tokens as were allowed. */
        LENGTH,
        /** The model knows no further position. */
        CONTEXT,
        /** Somebody wanted no more; what there was until then is complete and in order. */
        CANCELLED
    }

    public Generation {
        tokens = tokens.clone();
        logProbabilities = logProbabilities.clone();
    }

    @Override
    public int[] tokens() {
        return tokens.clone();
    }

    @Override
    public double[] logProbabilities() {
        return logProbabilities.clone();
    }

    public boolean isCancelled() {
        return ending == Ending.CANCELLED;
    }
}
