package io.aegis.kernels;

/**
 * Scaled dot-product attention without an N x M matrix in memory: O = softmax(scale Q K^T + mask) V, row by row.
 *
 * <p>Shapes: q, out [B, Hq, N, D]; k, v [B, Hkv, M, D]; lse [B, Hq, N], the logarithm of each row's sum of exponentials.
 * Hkv divides Hq, and query head h meets key head h / (Hq / Hkv) (grouped queries, Ainslie et al., arXiv 2305.13245). Views
 * may be strided (heads inside packed rows, a cache longer than M); the last dimension is dense. A row that may see no key
 * gives 0 and lse = -inf.
 */
public interface Attention {
    /** Writes out, and lse unless it is null (it is what {@link #backward} needs). */
    void forward(View q, View k, View v, double scale, Mask mask, View out, View lse);

    /**
     * With P = exp(scale Q K^T - lse), 0 where masked: dV = P^T dO; dS = P * (dO V^T - rowsum(dO * O)); dQ = scale dS K;
     * dK = scale dS^T Q, the last two and dV summed over the query heads of a group. Overwrites each of dq, dk and dv
     * unless it is null.
     */
    void backward(
            View q, View k, View v, double scale, Mask mask, View out, View lse, View dout, View dq, View dk, View dv);

    /**
     * Attention of one query a sequence over keys and values that lie in pages (Kwon et al., arXiv 2309.06180): a sequence of
     * {@code lengths[b]} keys has key j at place j % T of page {@code table[b, j / T]}. Sequences have lengths of their own and
     * may share pages. A sequence has the bits that {@link #forward} gives it alone, over the same keys in one piece. One of
     * no keys gives 0.
     *
     * @param q [B, Hq, D]
     * @param keys [P, Hkv, T, D]
     * @param values as keys
     * @param table I64 [B, L], page numbers below P; what is behind a sequence's last page is not read
     * @param lengths I64 [B], from 0 to L T
     * @param out as q
     */
    void paged(View q, View keys, View values, View table, View lengths, double scale, View out);

    /**
     * Puts one more key and value of each sequence where {@link #paged} looks for its last: at place {@code (lengths[b] - 1) % T}
     * of page {@code table[b, (lengths[b] - 1) / T]}, rounded to the pages' dtype. A sequence of length 0 gets none.
     *
     * @param k [B, Hkv, D]
     * @param v as k
     * @param keys [P, Hkv, T, D]
     * @param values as keys
     * @param table I64 [B, L]
     * @param lengths I64 [B], the new ones counted
     */
    void append(View k, View v, View keys, View values, View table, View lengths);

    /**
     * A token of each of some sequences, as its projections give it.
     *
     * @param q [B, Hq, D]
     * @param k [B, Hkv, D]
     * @param v as k
     * @param cos [B, D / 2], of each token's position
     * @param sin as cos
     */
    record Token(View q, View k, View v, View cos, View sin) {
        /** Turns queries or keys [B, H, D], bit for bit as all tokens of a sequence are turned. */
        private void turn(RotaryEmbedding rotary, View x, View y) {
            rotary.rotate(x.unsqueeze(1), cos.unsqueeze(1), sin.unsqueeze(1), false, y.unsqueeze(1));
        }
    }

    /**
     * Turns a token's queries and keys by its position, and then does what {@link #append} does: all that is between a token's projections
     * and {@link #paged}, to the bit, in one launch where launches cost.
     *
     * @param rotary of the same device
     * @param room as k, apart from all, with any content then and afterwards
     * @param turned as q: the turned queries
     */
    default void appendTurned(
            Token token,
            RotaryEmbedding rotary,
            View keys,
            View values,
            View table,
            View lengths,
            View room,
            View turned) {
        token.turn(rotary, token.q, turned);
        token.turn(rotary, token.k, room);
        append(room, token.v, keys, values, table, lengths);
    }

    /**
     * Which keys a query may see.
     *
     * @param causal query i sees key j only if j is at most i + (M - N): the last query sees all, as with a cache
     * @param keys U8 or BOOL [B, M], 0 for a key that nobody sees; null for none of those
     */
    record Mask(boolean causal, View keys) {
        /** Everybody sees everything. */
        public static final Mask NONE = new Mask(false, null);

        /** Nobody sees what comes later. */
        public static final Mask CAUSAL = new Mask(true, null);
    }
}
