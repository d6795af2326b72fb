package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.EXACT;
import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.ROUNDED;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.Attention;
import io.aegis.kernels.View;
import java.util.Arrays;

/** Attention of packed sequences, forward and back. */
final class PackedAttentionCases {
    private PackedAttentionCases() {}

    /** Sequences of any length in the same rows, and some rows that are nobody's. */
    private record PackedHeads(View q, View k, View v, Attention.Sequences sequences, boolean causal) {
        static PackedHeads draw(Draw d) {
            int count = d.of(1, 2, 5);
            long hkv = d.of(1, 2);
            long size = d.of(64, 72, 80, 96, 128, 16, 40);
            boolean same = d.coin();
            long[] queries = lengths(d, count);
            long[] keys = same ? queries : lengths(d, count);
            long tq = Arrays.stream(queries).sum() + d.below(3) * 50L;
            long tk = same ? tq : Arrays.stream(keys).sum() + d.below(3) * 50L;
            View ofQueries = d.offsets(queries);
            return new PackedHeads(
                    d.normal(tq, hkv * d.of(1, 2, 4), size),
                    d.normal(tk, hkv, size),
                    d.normal(tk, hkv, size),
                    new Attention.Sequences(ofQueries, same ? ofQueries : d.offsets(keys)),
                    d.coin());
        }

        private static long[] lengths(Draw d, int count) {
            long[] lengths = new long[count];
            Arrays.setAll(lengths, i -> d.below(6) == 0 ? 0 : d.size(140));
            return lengths;
        }

        double scale() {
            return 1 / Math.sqrt(q.size(2));
        }

        String name() {
            return sizes(q) + " " + sizes(k) + " of " + sequences.count() + " sequences" + (causal ? " causal" : "");
        }
    }

    static Case packed(Draw d) {
        PackedHeads h = PackedHeads.draw(d);
        return new Case(
                "packed attention " + h.name(),
                EXACT,
                ROUNDED,
                to(d.destination(h.q.shape()), d.destination(h.q.size(1), h.q.size(0))),
                (kernels, out) ->
                        kernels.attention().packed(h.q, h.k, h.v, h.sequences, h.scale(), h.causal, out[0], out[1]));
    }

    static Case packedBackward(Draw d) {
        PackedHeads h = PackedHeads.draw(d);
        View dout = d.normal(h.q.shape());
        View o = d.destination(h.q.shape());
        View lse = d.destination(h.q.size(1), h.q.size(0));
        return new Case(
                "packed attention backward " + h.name(),
                GRADIENT,
                ROUNDED,
                to(d.destination(h.q.shape()), d.destination(h.k.shape()), d.destination(h.v.shape()), o, lse),
                (kernels, out) -> {
                    Attention attention = kernels.attention();
                    attention.packed(h.q, h.k, h.v, h.sequences, h.scale(), h.causal, out[3], out[4]);
                    attention.packedBackward(
                            h.q,
                            h.k,
                            h.v,
                            h.sequences,
                            h.scale(),
                            h.causal,
                            out[3],
                            out[4],
                            dout,
                            out[0],
                            out[1],
                            out[2]);
                });
    }
}
