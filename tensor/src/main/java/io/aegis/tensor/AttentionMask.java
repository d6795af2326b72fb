package io.aegis.tensor;

import java.util.Objects;

/** Which keys a query of {@link Ops#attention} may see. */
public final class AttentionMask {
    private static final AttentionMask NONE = new AttentionMask(false, null);
    private static final AttentionMask CAUSAL = new AttentionMask(true, null);

    private final boolean causal;
    private final Tensor keys;

    private AttentionMask(boolean causal, Tensor keys) {
        this.causal = causal;
        this.keys = keys;
    }

    /** Everybody sees everything. */
    public static AttentionMask none() {
        return NONE;
    }

    /** Query i of N sees key j of M only if j is at most i + (M - N): nothing that comes later. */
    public static AttentionMask causal() {
        return CAUSAL;
    }

    /**
     * @param causal as {@link #causal()}
     * @param keys U8 or BOOL [B, M], 0 for a key that nobody sees
     */
    public static AttentionMask of(boolean causal, Tensor keys) {
        return new AttentionMask(causal, Objects.requireNonNull(keys));
    }

    boolean isCausal() {
        return causal;
    }

    /** [B, M], or null. */
    Tensor keys() {
        return keys;
    }
}
