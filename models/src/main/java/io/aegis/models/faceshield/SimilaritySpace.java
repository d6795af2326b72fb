package io.aegis.models.faceshield;

/** Where vision tokens meet the question. */
public enum SimilaritySpace {
    /** In the language model's embeddings, behind the projector: nothing to learn. */
    LLM,
    /**
     * In the tower's features, before the projector: the question gets there by a learned map, P' = W_t P + b_t, which
     * learns through a straight-through gate (see {@link Pvtm}).
     */
    TOWER
}
