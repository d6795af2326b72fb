package io.aegis.kernels;

/**
 * Prompt-guided vision token masking (arXiv 2505.09415): tokens are ranked by their cosine with the prompt, the best of each
 * group stay, and of the others each is masked with a probability.
 *
 * <p>Which tokens those are must not depend on where it is computed, so the cosine's order of summation is part of what it
 * is. In doubles, products being exact: element k of a row belongs to lane k / 8 % 32, a lane adds its products by ascending
 * k, and the lanes' sums are added by halves (lane l and l + 16, then l + 8, 4, 2, 1). A cosine is dot / (|token| |row|), where
 * vectors shorter than {@link #FLOOR} count as that long; of several prompt rows the greatest counts. Cosines are ordered as
 * {@link Double#compare} orders them, NaN above all; among equal ones the token with the lower number is better.
 */
public interface VisionMasking {
    /** The least length of a vector. */
    double FLOOR = 1e-6;

    /**
     * What is masked.
     *
     * @param groups so many groups of equal length are ranked, each for itself; divides the number of tokens
     * @param keep how many of a group stay in any case, at most its length
     * @param probability with which each of the others is masked: token i of sample s when {@link Philox#uniform} of (step,
     *     s, site, i) is below it
     * @param temperature cosines are divided by it before the softmax
     * @param seed key of the random numbers
     * @param step which step of training
     * @param site which randomness of the model this is
     */
    record Rule(int groups, int keep, double probability, double temperature, long seed, long step, long site) {}

    /**
     * Ranks and masks the tokens of each sample.
     *
     * @param tokens [B, n, C], float32, bf16 or f16
     * @param prompt [B, m, C] of the tokens' dtype, m at least 1
     * @param samples I64 [B], the identity of each
     * @param cosine F64 [B, n]
     * @param importance F64 [B, n], the softmax of the cosines over all tokens of a sample, or null
     * @param top BOOL [B, n], whether a token is among the best of its group, or null
     * @param kept I64 [B, n], the numbers of the tokens that are not masked, ascending, then -1
     * @param counts I64 [B], how many those are
     */
    void select(
            View tokens,
            View prompt,
            View samples,
            Rule rule,
            View cosine,
            View importance,
            View top,
            View kept,
            View counts);
}
