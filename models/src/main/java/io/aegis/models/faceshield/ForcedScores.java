package io.aegis.models.faceshield;

/**
 * How likely a model finds the two canonical answers to the coarse question, by teacher forcing.
 *
 * @param real log P of the answer that calls the face bona fide, natural logarithm, summed over its tokens
 * @param spoof log P of the one that calls it an attack
 * @param score real - spoof, or the same at the first token in which they differ (see {@link Scoring})
 */
public record ForcedScores(double real, double spoof, double score) {
    /** The probability of bona fide of the two: 1 / (1 + exp(-score)). */
    public double probability() {
        return 1 / (1 + Math.exp(-score));
    }
}
