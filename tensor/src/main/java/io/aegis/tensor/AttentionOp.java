package io.aegis.tensor;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Attention.Sequences;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** Attention, and the position embedding that belongs to it; heads lie side by side in the rows of a token. */
sealed interface AttentionOp extends Op {
    /**
     * Grouped-query attention: q [B, N, Hq, D], k, v [B, M, Hkv, D], and with {@code keys} a fourth input [B, M] of which
     * keys may be seen; y as q, scale 1/sqrt(D).
     */
    record Attend(boolean causal) implements AttentionOp {
        @Override
        public void forward(Forward f) {
            View q = f.in(0);
            View k = f.in(1);
            View v = f.in(2);
            View keys = f.optional(3);
            f.require(q.rank() == 4 && k.rank() == 4 && k.sameShape(v), "q [B, N, Hq, D] and k, v [B, M, Hkv, D]");
            f.require(q.size(0) == k.size(0) && q.size(3) == k.size(3), "batch and head sizes must agree");
            f.require(k.size(2) > 0 && q.size(2) % k.size(2) == 0, "the key heads must divide the query heads");
            f.require(
                    keys == null
                            || keys.dtype().bytes() == 1
                                    && keys.rank() == 2
                                    && keys.size(0) == k.size(0)
                                    && keys.size(1) == k.size(1),
                    "the mask must be U8 or BOOL [B, M]");
            View y = f.out(q.shape());
            boolean keep = f.wants(0) || f.wants(1) || f.wants(2);
            View lse = keep ? f.temporary(lseType(q), q.size(0), q.size(2), q.size(1)) : null;
            f.k().attention().forward(heads(q), heads(k), heads(v), scale(q), mask(keys), heads(y), lse);
            if (keep) {
                f.keepInput(0);
                f.keepInput(1);
                f.keepInput(2);
                f.keepOutput(0);
                f.keep(lse);
                if (keys != null) {
                    f.keepInput(3);
                }
            }
        }

        @Override
        public void backward(Backward b) {
            View q = b.kept(0);
            View keys = b.count() > 3 ? b.kept(5) : null;
            b.k().attention()
                    .backward(
                            heads(q),
                            heads(b.kept(1)),
                            heads(b.kept(2)),
                            scale(q),
                            mask(keys),
                            heads(b.kept(3)),
                            b.kept(4),
                            heads(b.dy()),
                            heads(b.into(0)),
                            heads(b.into(1)),
                            heads(b.into(2)));
        }

        private Mask mask(View keys) {
            return keys == null ? causal ? Mask.CAUSAL : Mask.NONE : new Mask(causal, keys);
        }

        private static double scale(View q) {
            return 1 / Math.sqrt(q.size(3));
        }

        private static View heads(View x) {
            return x == null ? null : x.transpose(1, 2);
        }
    }

    /**
     * The same within each of some sequences that lie one behind the other: q [1, Tq, Hq, D], k, v [1, Tk, Hkv, D], and offsets of
     * queries and of keys, I64 [B + 1] each.
     *
     * @param queryEnd the last offset of queries
     * @param keyEnd the last offset of keys
     */
    record AttendPacked(boolean causal, long queryEnd, long keyEnd) implements AttentionOp {
        @Override
        public void forward(Forward f) {
            View q = f.in(0);
            View k = f.in(1);
            View v = f.in(2);
            f.require(q.rank() == 4 && k.rank() == 4 && k.sameShape(v), "q [1, Tq, Hq, D] and k, v [1, Tk, Hkv, D]");
            f.require(q.size(0) == 1 && k.size(0) == 1, "packed sequences are a batch of one");
            f.require(q.size(3) == k.size(3), "head sizes must agree");
            f.require(k.size(2) > 0 && q.size(2) % k.size(2) == 0, "the key heads must divide the query heads");
            f.require(
                    queryEnd <= q.size(1),
                    "the sequences' queries end at row " + queryEnd + " of " + q.size(1) + " that there are");
            f.require(
                    keyEnd <= k.size(1),
                    "the sequences' keys end at row " + keyEnd + " of " + k.size(1) + " that there are");
            View y = f.out(q.shape());
            boolean keep = f.wants(0) || f.wants(1) || f.wants(2);
            View lse = keep ? f.temporary(lseType(q), q.size(2), q.size(1)) : null;
            Sequences sequences = new Sequences(f.in(3), f.in(4));
            f.k().attention().packed(rows(q), rows(k), rows(v), sequences, scale(q), causal, rows(y), lse);
            if (keep) {
                f.keepInput(0);
                f.keepInput(1);
                f.keepInput(2);
                f.keepInput(3);
                f.keepInput(4);
                f.keepOutput(0);
                f.keep(lse);
            }
        }

        @Override
        public void backward(Backward b) {
            View q = b.kept(0);
            b.k().attention()
                    .packedBackward(
                            rows(q),
                            rows(b.kept(1)),
                            rows(b.kept(2)),
                            new Sequences(b.kept(3), b.kept(4)),
                            scale(q),
                            causal,
                            rows(b.kept(5)),
                            b.kept(6),
                            rows(b.dy()),
                            rows(b.into(0)),
                            rows(b.into(1)),
                            rows(b.into(2)));
        }

        private static double scale(View q) {
            return 1 / Math.sqrt(q.size(3));
        }

        private static View rows(View x) {
            return x == null ? null : x.select(0, 0);
        }
    }

    /**
     * One token of each of some sequences, q [B, 1, Hq, D], k and v [B, 1, Hkv, D], cos and sin [B, 1, D / 2]: q and k are turned, k and
     * v put into pages [P, Hkv, T, D] by a table I64 [B, L] and lengths I64 [B] that count them, and each query looks at its
     * sequence; y as q, scale 1/sqrt(D). For answering: nothing is learned from what a cache holds.
     */
    record StepInPages() implements AttentionOp {
        @Override
        public void forward(Forward f) {
            View q = f.in(0);
            View k = f.in(1);
            View v = f.in(2);
            View cos = f.in(3);
            View keys = f.in(5);
            View values = f.in(6);
            View table = f.in(7);
            View lengths = f.in(8);
            f.require(
                    q.rank() == 4 && q.size(1) == 1 && k.rank() == 4 && k.size(1) == 1 && k.sameShape(v),
                    "q [B, 1, Hq, D] and k, v [B, 1, Hkv, D]");
            long b = q.size(0);
            long d = q.size(3);
            f.require(
                    k.size(0) == b && k.size(3) == d && k.size(2) > 0 && q.size(2) % k.size(2) == 0,
                    "batch and head sizes must agree, and the key heads divide the query heads");
            f.require(
                    keys.rank() == 4 && keys.sameShape(values) && keys.size(1) == k.size(2) && keys.size(3) == d,
                    "pages must be [P, Hkv, T, D]");
            f.require(
                    cos.rank() == 3 && cos.size(0) == b && 2 * cos.size(2) == d && cos.sameShape(f.in(4)),
                    "cos and sin must be [B, 1, D / 2]");
            f.require(
                    table.dtype() == DType.I64
                            && table.rank() == 2
                            && table.size(0) == b
                            && lengths.dtype() == DType.I64
                            && lengths.rank() == 1
                            && lengths.size(0) == b,
                    "the table must be I64 [B, L] and the lengths I64 [B]");
            f.require(!f.wants(0) && !f.wants(1) && !f.wants(2), "no gradient goes through pages");
            View y = f.out(q.shape());
            View turned = f.temporary(q.dtype(), q.shape()).select(1, 0);
            View room = f.temporary(k.dtype(), k.shape()).select(1, 0);
            Attention.Token token = new Attention.Token(
                    q.select(1, 0),
                    k.select(1, 0),
                    v.select(1, 0),
                    cos.select(1, 0),
                    f.in(4).select(1, 0));
            Attention attention = f.k().attention();
            attention.appendTurned(token, f.k().rotaryEmbedding(), keys, values, table, lengths, room, turned);
            attention.paged(turned, keys, values, table, lengths, 1 / Math.sqrt(d), y.select(1, 0));
        }

        @Override
        public void backward(Backward b) {
            throw new UnsupportedOperationException("no gradient goes through pages");
        }
    }

    /** Multi-head self-attention over packed rows q|k|v: [B, N, 3D] to [B, N, D], scale 1/sqrt(D / heads). */
    record SelfAttention(int heads) implements AttentionOp {
        @Override
        public void forward(Forward f) {
            View qkv = f.in(0);
            f.require(qkv.rank() == 3 && qkv.size(2) % (3L * heads) == 0, "packed rows must split into heads");
            long d = qkv.size(2) / 3;
            View y = f.out(qkv.size(0), qkv.size(1), d);
            boolean keep = f.wants(0);
            View lse = keep ? f.temporary(lseType(qkv), qkv.size(0), heads, qkv.size(1)) : null;
            f.k().attention().forward(part(qkv, 0), part(qkv, 1), part(qkv, 2), scale(d), Mask.NONE, split(y), lse);
            if (keep) {
                f.keepInput(0);
                f.keepOutput(0);
                f.keep(lse);
            }
        }

        @Override
        public void backward(Backward b) {
            View qkv = b.kept(0);
            View d = b.into(0);
            b.k().attention()
                    .backward(
                            part(qkv, 0),
                            part(qkv, 1),
                            part(qkv, 2),
                            scale(qkv.size(2) / 3),
                            Mask.NONE,
                            split(b.kept(1)),
                            b.kept(2),
                            split(b.dy()),
                            part(d, 0),
                            part(d, 1),
                            part(d, 2));
        }

        private double scale(long d) {
            return 1 / Math.sqrt((double) d / heads);
        }

        /** q, k or v as [B, H, N, D / H]. */
        private View part(View qkv, int which) {
            long d = qkv.size(2) / 3;
            return split(qkv.slice(2, which * d, (which + 1) * d));
        }

        private View split(View x) {
            return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
        }
    }

    /** Rotary position embedding: x [B, N, H, D], cos and sin [N, D / 2] or [B, N, D / 2], which are constants. */
    record Rotate() implements AttentionOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View cos = f.in(1);
            f.require(x.rank() == 4 && x.size(3) % 2 == 0, "x must be [B, N, H, D] with an even D");
            boolean each = cos.rank() == 3 && cos.size(0) == x.size(0);
            f.require(each || cos.rank() == 2, "cos and sin must be [N, D / 2] or [B, N, D / 2]");
            f.require(
                    cos.sameShape(f.in(2)) && cos.size(-2) == x.size(1) && 2 * cos.size(-1) == x.size(3),
                    "cos and sin must have a row a position, half as wide as a head");
            f.k().rotaryEmbedding().rotate(x, cos, f.in(2), false, f.out(x.shape()));
            f.keepInput(1);
            f.keepInput(2);
        }

        @Override
        public void backward(Backward b) {
            b.k().rotaryEmbedding().rotate(b.dy(), b.kept(0), b.kept(1), true, b.into(0));
        }
    }

    private static DType lseType(View q) {
        return q.dtype() == DType.F64 ? DType.F64 : DType.F32;
    }
}
