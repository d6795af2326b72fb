package io.aegis.tensor;

import java.util.Arrays;
import java.util.Objects;

/** Which keys a query of {@link Ops#attention} may see. */
public final class AttentionMask {
    private static final AttentionMask NONE = new AttentionMask(false, null, null);
    private static final AttentionMask CAUSAL = new AttentionMask(true, null, null);

    private final boolean causal;
    private final Tensor keys;
    private final Packed packed;

    private AttentionMask(boolean causal, Tensor keys, Packed packed) {
        this.causal = causal;
        this.keys = keys;
        this.packed = packed;
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
        return new AttentionMask(causal, Objects.requireNonNull(keys), null);
    }

    /**
     * Several sequences one behind the other in a batch of one, without padding: sequence b has rows offsets[b] to offsets[b + 1], and sees
     * nothing of the others. Rows from the last offset on see nothing and are seen by nobody.
     *
     * @param causal as {@link #causal()}, within each sequence
     * @param offsets B + 1 of them, from 0, none below the one before it
     * @throws IllegalArgumentException when they are not so
     */
    public static AttentionMask packed(boolean causal, long... offsets) {
        Tensor rows = offsets("rows", offsets);
        long end = offsets[offsets.length - 1];
        return new AttentionMask(causal, null, new Packed(rows, rows, end, end));
    }

    /**
     * As above, for keys that are in rows of their own.
     *
     * @param queries offsets of queries, B + 1
     * @param keys offsets of keys, as many
     * @throws IllegalArgumentException also when there are more of one than of the other
     */
    public static AttentionMask packed(boolean causal, long[] queries, long[] keys) {
        if (queries.length != keys.length) {
            throw new IllegalArgumentException(
                    "packed sequences have an offset each and one more of queries and of keys, given " + queries.length
                            + " and " + keys.length);
        }
        return new AttentionMask(
                causal,
                null,
                new Packed(
                        offsets("queries", queries),
                        offsets("keys", keys),
                        queries[queries.length - 1],
                        keys[keys.length - 1]));
    }

    private static Tensor offsets(String what, long[] offsets) {
        if (offsets.length == 0 || offsets[0] != 0) {
            throw new IllegalArgumentException(
                    "offsets of packed " + what + " begin with 0, given " + Arrays.toString(offsets));
        }
        for (int b = 1; b < offsets.length; b++) {
            if (offsets[b] < offsets[b - 1]) {
                throw new IllegalArgumentException("offsets of packed " + what + " ascend, but number " + b + " is "
                        + offsets[b] + " behind " + offsets[b - 1]);
            }
        }
        return Tensor.of(offsets, offsets.length);
    }

    /**
     * Whose rows are whose.
     *
     * @param queries I64 [B + 1]
     * @param keys I64 [B + 1]
     * @param queryEnd the last of the queries' offsets
     * @param keyEnd the last of the keys' offsets
     */
    record Packed(Tensor queries, Tensor keys, long queryEnd, long keyEnd) {}

    boolean isCausal() {
        return causal;
    }

    /** [B, M], or null. */
    Tensor keys() {
        return keys;
    }

    /** Null where each of a batch is one sequence. */
    Packed packed() {
        return packed;
    }
}
