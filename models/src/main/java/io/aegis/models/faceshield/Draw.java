package io.aegis.models.faceshield;

/**
 * What random masks depend on, and nothing else: not on rows of a batch, nor on what was computed before.
 *
 * @param seed key of the random numbers
 * @param step which training step
 * @param sample identity of the sample
 */
public record Draw(long seed, long step, long sample) {}
