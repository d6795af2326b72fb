package io.aegis.kernels;

import java.util.ArrayList;
import java.util.List;

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
     * Attention within each of some sequences that lie one behind the other in the same rows, without padding: to what {@link
     * #forward} gives each of them alone. Nothing of a sequence goes into another, whatever it holds.
     *
     * @param q [Tq, Hq, D]
     * @param k [Tk, Hkv, D]
     * @param v as k
     * @param sequences which rows are whose
     * @param causal query i of N of a sequence sees its key j of M only if j is at most i + (M - N)
     * @param out as q; 0 where a row is no sequence's
     * @param lse [Hq, Tq]; -inf where a row is no sequence's; or null
     */
    default void packed(View q, View k, View v, Sequences sequences, double scale, boolean causal, View out, View lse) {
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        for (Sequence s : sequences.list(q.size(0), k.size(0))) {
            forward(s.queries(q), s.keys(k), s.keys(v), scale, mask, s.queries(out), s.lse(lse));
        }
    }

    /**
     * {@link #backward} of {@link #packed}, each of whose arguments it takes. Overwrites each of dq, dk and dv unless it is null; they are 0
     * where a row is no sequence's.
     */
    default void packedBackward(
            View q,
            View k,
            View v,
            Sequences sequences,
            double scale,
            boolean causal,
            View out,
            View lse,
            View dout,
            View dq,
            View dk,
            View dv) {
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        for (Sequence s : sequences.list(q.size(0), k.size(0))) {
            backward(
                    s.queries(q),
                    s.keys(k),
                    s.keys(v),
                    scale,
                    mask,
                    s.queries(out),
                    s.lse(lse),
                    s.queries(dout),
                    s.queries(dq),
                    s.keys(dk),
                    s.keys(dv));
        }
    }

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

    /**
     * Where sequences of several lengths lie in rows that they share: the queries of sequence b are rows queries[b] to queries[b + 1],
     * its keys rows keys[b] to keys[b + 1]. Some may have no queries, no keys or neither. Rows from the last offset on are no
     * sequence's. What is in these lists is the caller's promise: GPUs read them where they lie, and only who reads them on the host finds
     * offsets that are none.
     *
     * @param queries I64 [B + 1], from 0, none below the one before it, the last at most Tq
     * @param keys I64 [B + 1], likewise, of Tk; may be the same view
     */
    record Sequences(View queries, View keys) {
        /** @throws IllegalArgumentException for other types or shapes */
        public Sequences {
            for (View offsets : new View[] {queries, keys}) {
                if (offsets.dtype() != DType.I64 || offsets.rank() != 1 || offsets.size(0) == 0) {
                    throw new IllegalArgumentException(
                            "offsets of packed sequences must be I64 [B + 1], given " + offsets);
                }
            }
            if (!queries.sameShape(keys)) {
                throw new IllegalArgumentException("packed sequences have as many offsets of keys as of queries, given "
                        + queries + " and " + keys);
            }
        }

        /** B. */
        public int count() {
            return Math.toIntExact(queries.size(0) - 1);
        }

        /**
         * All of them, and behind them the rows that are no sequence's: queries without keys, and keys without queries.
         *
         * @param queryRows Tq
         * @param keyRows Tk
         * @throws IllegalArgumentException when the offsets do not ascend from 0, or end beyond these rows
         */
        public List<Sequence> list(long queryRows, long keyRows) {
            check("queries", queries, queryRows);
            check("keys", keys, keyRows);
            int count = count();
            List<Sequence> all = new ArrayList<>();
            for (int b = 0; b < count; b++) {
                all.add(new Sequence(queries.getLong(b), queries.getLong(b + 1), keys.getLong(b), keys.getLong(b + 1)));
            }
            long query = queries.getLong(count);
            long key = keys.getLong(count);
            if (query < queryRows) {
                all.add(new Sequence(query, queryRows, key, key));
            }
            if (key < keyRows) {
                all.add(new Sequence(query, query, key, keyRows));
            }
            return all;
        }

        private static void check(String what, View offsets, long rows) {
            long before = 0;
            for (long b = 0; b < offsets.size(0); b++) {
                long offset = offsets.getLong(b);
                if (b == 0 ? offset != 0 : offset < before || offset > rows) {
                    throw new IllegalArgumentException("offset " + b + " of packed " + what + " is " + offset
                            + ", expected " + (b == 0 ? "0" : "one from " + before + " to " + rows));
                }
                before = offset;
            }
        }
    }

    /**
     * Rows of one of some {@link Sequences}.
     *
     * @param query the first of its queries
     * @param queryEnd behind the last
     * @param key the first of its keys
     * @param keyEnd behind the last
     */
    record Sequence(long query, long queryEnd, long key, long keyEnd) {
        /** Of q [Tq, H, D] or a null view, its own rows as {@link #forward} takes them, [1, H, N, D]. */
        public View queries(View q) {
            return heads(q, query, queryEnd);
        }

        /** As {@link #queries}, of k [Tk, H, D]. */
        public View keys(View k) {
            return heads(k, key, keyEnd);
        }

        /** Of lse [H, Tq] or null, [1, H, N]. */
        public View lse(View lse) {
            return lse == null ? null : lse.slice(1, query, queryEnd).unsqueeze(0);
        }

        private static View heads(View x, long from, long to) {
            return x == null ? null : x.slice(0, from, to).transpose(0, 1).unsqueeze(0);
        }
    }
}
