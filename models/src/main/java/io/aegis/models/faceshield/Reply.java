package io.aegis.models.faceshield;

import io.aegis.models.llama.Generation;

/**
 * What the model said to one question.
 *
 * @param question that was asked
 * @param text the answer, without space around
 * @param generation its tokens, their log-probabilities, and why it ended
 * @param selection how the picture's tokens were ranked for the question, and which were kept; null when it
 *     was cancelled before
 * @param timings how long it took
 */
public record Reply(String question, String text, Generation generation, Selection selection, Timings timings) {}
