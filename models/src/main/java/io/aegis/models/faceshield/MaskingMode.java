package io.aegis.models.faceshield;

/** Which tokens are masked. */
public enum MaskingMode {
    /** None. */
    OFF,
    /** All but the top k percent. */
    TOPK_ONLY,
    /** Of those below the top k percent, each with probability p. */
    STOCHASTIC
}
