package io.aegis.models.llama;

/**
 * What a listener hears of one token. The texts of all pieces make the answer.
 *
 * @param id the token; the last may be a stop id, when it sets free text that was held back
 * @param text what is certain with this token: perhaps none, when it ends within a character or may begin a stop string
 * @param logProbability of the token
 */
public record Piece(int id, String text, double logProbability) {}
