package io.aegis.models.faceshield;

import io.aegis.models.llama.GenerationOptions;
import java.util.function.Consumer;

/** Something to be found out about a picture beside others: {@link FaceShield#answer}. */
public sealed interface Inquiry {
    /** The picture; it stays open until the inquiry is done. */
    Examination about();

    /**
     * A question.
     *
     * @param options how tokens are chosen, and when to stop
     * @param listener hears the answer as it is made, without the space before it
     * @param done gets the answer
     */
    record Question(
            Examination about, String text, GenerationOptions options, Consumer<String> listener, Consumer<Reply> done)
            implements Inquiry {}

    /**
     * How likely the model finds the canonical answers, as {@link Examination#score}.
     *
     * @param done gets that
     */
    record Score(Examination about, Consumer<ForcedScores> done) implements Inquiry {}
}
