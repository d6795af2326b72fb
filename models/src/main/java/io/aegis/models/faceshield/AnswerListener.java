package io.aegis.models.faceshield;

/** Hears answers as they are made, on the thread that asked. */
public interface AnswerListener {
    /** For those who wait for the whole. */
    AnswerListener NONE = new AnswerListener() {};

    /** A question is about to be asked. */
    default void asks(FaceTask task, String question) {}

    /** Some text of its answer: whole characters, perhaps half a word. */
    default void says(FaceTask task, String text) {}

    /** Its answer is complete. */
    default void ends(FaceTask task) {}
}
