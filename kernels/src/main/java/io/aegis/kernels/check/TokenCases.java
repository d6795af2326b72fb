package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.EXACT;

import io.aegis.kernels.Attention.Token;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul.Linear;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;

/** What a token's step does in fewer launches than there are operations. */
final class TokenCases {
    private TokenCases() {}

    private static View weight(Draw d, DType type, long n, long k) {
        return d.normal(type, n, k).transpose(0, 1);
    }

    static Case weightsTogether(Draw d) {
        long m = 1 + d.below(9);
        View x = d.normal(m, 8 * d.size(60));
        DType type = d.weightType();
        List<View> weights = List.of(
                weight(d, type, d.size(200), x.size(1)),
                weight(d, type, d.size(60), x.size(1)),
                weight(d, type, d.size(60), x.size(1)));
        View[] to = weights.stream().map(w -> d.destination(m, w.size(1))).toArray(View[]::new);
        return new Case(
                "three weights of rows " + x + " x " + weights.getFirst(),
                EXACT,
                EXACT,
                to,
                (kernels, out) -> kernels.matmul().multiplyRows(x, weights, List.of(out)));
    }

    static Case gatedRows(Draw d) {
        long m = 1 + d.below(9);
        View x = d.normal(m, 8 * d.size(60));
        DType type = d.weightType();
        View gate = weight(d, type, d.size(200), x.size(1));
        View up = weight(d, type, gate.size(1), x.size(1));
        View[] to = {d.destination(m, gate.size(1))};
        return new Case("gated rows " + x + " x " + gate, EXACT, EXACT, to, (kernels, out) -> kernels.matmul()
                .multiplyRowsGated(x, gate, up, d.destination(m, gate.size(1)), out[0]));
    }

    static Case quantizedTogether(Draw d) {
        QuantizedWeight gate = d.quantized(d.size(200));
        QuantizedWeight up =
                new QuantizedWeight(gate.codes(), d.positive(gate.scales().shape()));
        View x = d.normal(1 + d.below(9), gate.columns());
        long[] shape = {x.size(0), gate.rows()};
        View[] to = {d.destination(shape), d.destination(shape), d.destination(shape)};
        return new Case(
                "two weights of rows, and gated rows " + x + " x " + gate.format() + Arrays.toString(shape),
                EXACT,
                EXACT,
                to,
                (kernels, out) -> {
                    kernels.quantizedMatmul()
                            .multiplyRows(
                                    x,
                                    List.of(
                                            new Linear(gate, out[0], Epilogue.NONE),
                                            new Linear(up, out[1], Epilogue.NONE)));
                    kernels.quantizedMatmul().multiplyRowsGated(x, gate, up, d.destination(shape), out[2]);
                });
    }

    /** Two sums that nearly agree may be rounded to neighbours of the pages' type. */
    static Case appendTurned(Draw d) {
        int b = d.of(1, 2, 5);
        int hkv = d.of(1, 2, 8);
        long size = d.of(64, 72, 80, 128, 16, 40, 20);
        int tokens = d.of(4, 16, 64);
        int row = 1 + d.below(5);
        DType type = d.weightType();
        Token token = new Token(
                d.normal(b, hkv * d.of(1, 4), size),
                d.normal(b, hkv, size),
                d.normal(b, hkv, size),
                d.normal(b, size / 2),
                d.normal(b, size / 2));
        View table = d.permutation(b * row).reshape(b, row);
        View lengths = d.indices((long) row * tokens + 1, b);
        long[] pages = {(long) b * row, hkv, tokens, size};
        double unit = type == DType.F32 ? EXACT : type == DType.F16 ? 0x1p-10 : 0x1p-7;
        View[] to = {
            d.destination(type, pages),
            d.destination(type, pages),
            d.destination(token.q().shape())
        };
        return new Case(
                "one more turned key " + token.q() + " " + type + Arrays.toString(pages),
                unit,
                unit,
                to,
                (kernels, out) -> kernels.attention()
                        .appendTurned(
                                token,
                                kernels.rotaryEmbedding(),
                                out[0],
                                out[1],
                                table,
                                lengths,
                                d.destination(token.k().shape()),
                                out[2]));
    }
}
