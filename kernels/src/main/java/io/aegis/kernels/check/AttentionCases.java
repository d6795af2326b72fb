package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.EXACT;
import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.ROUNDED;
import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.Arrays;

/** Attention forward and back, over a cache and over pages; and what turns its queries and keys. */
final class AttentionCases {
    private AttentionCases() {}

    private record Heads(View q, View k, View v, Attention.Mask mask, double scale) {
        static Heads draw(Draw d, long queries, long keys) {
            return draw(d, d.of(1, 2), d.of(1, 2), d.of(1, 2, 4), queries, keys);
        }

        static Heads draw(Draw d, long b, long hkv, long group, long queries, long keys) {
            return draw(d, b, hkv, group, queries, keys, DType.F32);
        }

        static Heads draw(Draw d, long b, long hkv, long group, long queries, long keys, DType type) {
            long h = hkv * group;
            long size = d.of(64, 72, 80, 96, 128, 16, 40);
            boolean causal = keys >= queries && d.coin();
            View mask = d.below(3) == 0 ? d.mask(b, keys) : null;
            // Heads lie inside rows, as projections give them.
            View q = d.normal(b, queries, h, size).permute(0, 2, 1, 3);
            View k = d.normal(type, b, keys, hkv, size).permute(0, 2, 1, 3);
            View v = d.normal(type, b, keys, hkv, size).permute(0, 2, 1, 3);
            return new Heads(q, k, v, new Attention.Mask(causal, mask), 1 / Math.sqrt(size));
        }

        /** Causal, as many keys as queries. */
        static Heads square(Draw d) {
            long n = 9 + d.below(190);
            Heads h = draw(d, n, n);
            return new Heads(h.q, h.k, h.v, Attention.Mask.CAUSAL, h.scale);
        }

        String name() {
            return sizes(q) + " " + sizes(k) + (mask.causal() ? " causal" : "")
                    + (mask.keys() != null ? " masked" : "");
        }
    }

    static Case attention(Draw d) {
        Heads h = Heads.draw(d, d.size(200), d.size(200));
        return attention(d, "attention ", h);
    }

    private static Case attention(Draw d, String name, Heads h) {
        View lse = d.destination(h.q.size(0), h.q.size(1), h.q.size(2));
        return new Case(
                name + h.name(),
                EXACT,
                ROUNDED,
                to(d.destination(h.q.shape()), lse),
                (kernels, out) -> kernels.attention().forward(h.q, h.k, h.v, h.scale, h.mask, out[0], out[1]));
    }

    static Case squareAttention(Draw d) {
        return attention(d, "attention ", Heads.square(d));
    }

    static Case manyHeads(Draw d) {
        long n = 257 + d.below(128);
        return attention(d, "attention, many heads ", Heads.draw(d, 2, 17, 2, n, d.coin() ? n : n + d.below(200)));
    }

    static Case attentionBackward(Draw d) {
        return attentionBackward(d, "attention backward ", Heads.draw(d, d.size(150), d.size(150)));
    }

    private static Case attentionBackward(Draw d, String name, Heads h) {
        View dout = d.normal(h.q.shape());
        View o = d.destination(h.q.shape());
        View lse = d.destination(h.q.size(0), h.q.size(1), h.q.size(2));
        return new Case(
                name + h.name(),
                GRADIENT,
                ROUNDED,
                to(d.destination(h.q.shape()), d.destination(h.k.shape()), d.destination(h.v.shape()), o, lse),
                (kernels, out) -> {
                    kernels.attention().forward(h.q, h.k, h.v, h.scale, h.mask, out[3], out[4]);
                    kernels.attention()
                            .backward(h.q, h.k, h.v, h.scale, h.mask, out[3], out[4], dout, out[0], out[1], out[2]);
                });
    }

    static Case squareAttentionBackward(Draw d) {
        return attentionBackward(d, "attention backward ", Heads.square(d));
    }

    static Case manyHeadsBackward(Draw d) {
        long n = 129 + d.below(128);
        Heads h = Heads.draw(d, 2, 34, 2, n, d.coin() ? n : n + d.below(128));
        return attentionBackward(d, "attention backward, many heads ", h);
    }

    static Case decode(Draw d) {
        DType type = d.weightType();
        long queries = d.of(1, 1, 2, 5);
        Heads h = Heads.draw(d, d.of(1, 2), d.of(1, 2), d.of(1, 2, 4, 8), queries, 1 + d.below(1300), type);
        return attention(d, "attention over a cache of " + type + " ", h);
    }

    /** Sequences of any length over pages in any order, some of which several have in common. */
    static Case paged(Draw d) {
        int b = d.of(1, 2, 5);
        int hkv = d.of(1, 2);
        long size = d.of(64, 72, 80, 128, 16, 40);
        int tokens = d.of(4, 16, 64);
        int row = 1 + d.below(12);
        int pages = 1 + d.below(2 * row);
        DType type = d.weightType();
        View q = d.normal(b, (long) hkv * d.of(1, 2, 4, 8), size);
        View keys = d.normal(type, pages, hkv, tokens, size);
        View values = d.normal(type, pages, hkv, tokens, size);
        View table = d.indices(pages, b, row);
        View lengths = d.indices((long) row * tokens + 1, b);
        return of(
                "attention over pages " + sizes(q) + " " + sizes(keys) + " " + type,
                to(d.destination(q.shape())),
                (kernels, out) ->
                        kernels.attention().paged(q, keys, values, table, lengths, 1 / Math.sqrt(size), out[0]));
    }

    /** One more key of sequences that share no page. */
    static Case append(Draw d) {
        int b = d.of(1, 2, 5);
        int hkv = d.of(1, 2, 8);
        long size = d.of(64, 72, 80, 128, 16, 40);
        int tokens = d.of(4, 16, 64);
        int row = 1 + d.below(5);
        DType type = d.weightType();
        View k = d.normal(b, hkv, size);
        View v = d.normal(b, hkv, size);
        View table = d.permutation(b * row).reshape(b, row);
        View lengths = d.indices((long) row * tokens + 1, b);
        long[] pages = {(long) b * row, hkv, tokens, size};
        return of(
                "one more key " + sizes(k) + " " + type + Arrays.toString(pages),
                to(d.destination(type, pages), d.destination(type, pages)),
                (kernels, out) -> kernels.attention().append(k, v, out[0], out[1], table, lengths));
    }

    static Case rotary(Draw d) {
        long b = d.of(1, 2);
        long n = d.size(70);
        long half = d.of(8, 32, 36, 64);
        View x = d.normal(b, n, d.of(1, 3), 2 * half);
        View cos = d.normal(n, half);
        View sin = d.normal(n, half);
        boolean inverse = d.coin();
        return of("rotary " + sizes(x), to(d.destination(x.shape())), (kernels, out) -> kernels.rotaryEmbedding()
                .rotate(x, cos, sin, inverse, out[0]));
    }
}
