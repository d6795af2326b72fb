package io.aegis.models.faceshield;

/** Hears the answers to several questions about a picture, on the thread that asked: one after the other, in order. */
public interface AnswersListener {
    /** For those who wait for the whole. */
    AnswersListener NONE = new AnswersListener() {};

    /** What follows is the answer to a question, which are counted from 0. */
    default void asks(int question) {}

    /** Some text of its answer: whole characters, perhaps half a word. */
    default void says(int question, String text) {}

    /** Its answer is complete. */
    default void ends(int question) {}
}
