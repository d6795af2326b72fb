package io.aegis.models.faceshield;

/** What the score of a face is, by the two canonical answers forced upon the model. */
public enum Scoring {
    /** log P(answer real) - log P(answer spoof), each over all its tokens. */
    ANSWERS,
    /** The same at the first token in which the answers differ. */
    FIRST_DIFFERENCE
}
