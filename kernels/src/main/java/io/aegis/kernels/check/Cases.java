package io.aegis.kernels.check;

import io.aegis.kernels.Activation;
import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Attention;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Loss;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;

/** Every operation of the catalogue, each with sizes of its own drawing. */
final class Cases {
    /** Float32 sums of a few thousand products; exponentials lose a little more. */
    private static final double EXACT = 1e-5;
    /** Probabilities and their gradients rounded to 8 bits, on the way into a second product. */
    private static final double ROUNDED = 2e-2;
    /** Derived quantities, in which nearly equal numbers are subtracted. */
    private static final double GRADIENT = 5e-5;

    static final List<Function<Draw, Case>> ALL = List.of(
            Cases::product,
            Cases::product,
            Cases::rows,
            Cases::quantized,
            Cases::quantizedTogether,
            Cases::quantizedBackward,
            Cases::attention,
            Cases::attention,
            Cases::attentionBackward,
            Cases::packed,
            Cases::packedBackward,
            Cases::decode,
            Cases::paged,
            Cases::append,
            TokenCases::weightsTogether,
            TokenCases::gatedRows,
            TokenCases::quantizedTogether,
            TokenCases::appendTurned,
            Cases::rotary,
            Cases::layerNorm,
            Cases::layerNormBackward,
            Cases::rmsNorm,
            Cases::rmsNormBackward,
            Cases::batchNorm,
            Cases::batchNormBackward,
            LayerCases::normedConvolution,
            LayerCases::normsSideBySide,
            LayerCases::several,
            Cases::convolution,
            Cases::convolution,
            Cases::convolutionBackward,
            Cases::convolutionBackward,
            Cases::binary,
            Cases::activation,
            Cases::siluGate,
            Cases::copy,
            Cases::dropout,
            Cases::gather,
            Cases::scatterAdd,
            Cases::sum,
            Cases::softmax,
            Cases::normalizeRows,
            Cases::crossEntropy,
            Cases::negativeDistance,
            Cases::mutualInformation,
            Cases::angles,
            Cases::adam,
            Cases::adamOfSeveral,
            Cases::regrad,
            Cases::lookup,
            Cases::quantizedLookup,
            Cases::likeliest,
            Cases::greatest,
            Cases::greatestBackward,
            Cases::visionMasking,
            LayerCases::measuredConvolution,
            LayerCases::multipliedNorms);

    /** More tiles of 128 than a GPU has multiprocessors. */
    static final List<Function<Draw, Case>> LARGE = List.of(
            Cases::largeProduct,
            Cases::gatedProduct,
            Cases::lowRankBeside,
            Cases::manyHeads,
            Cases::manyHeadsBackward,
            LayerCases::largeConvolution);

    /** Of many queries. */
    static final List<Function<Draw, Case>> ATTENTION =
            List.of(Cases::attention, Cases::attentionBackward, Cases::squareAttention, Cases::squareAttentionBackward);

    private Cases() {}

    private static Case of(String name, View[] destinations, BiConsumer<Kernels, View[]> call) {
        return new Case(name, EXACT, EXACT, destinations, call);
    }

    private static View[] to(View... destinations) {
        return destinations;
    }

    private static String sizes(View v) {
        return v.dtype() + Arrays.toString(v.shape());
    }

    private static DType weightType(Draw d) {
        return d.coin() ? DType.F32 : d.coin() ? DType.BF16 : DType.F16;
    }

    private static Case largeProduct(Draw d) {
        long m = 1900 + d.below(200);
        long n = 2900 + d.below(200);
        View a = d.matrix(DType.F32, 1, m, d.of(40, 72, 200));
        View b = d.matrix(d.coin() ? DType.BF16 : DType.F16, 1, a.size(2), n);
        return of("matmul " + sizes(a) + " x " + b, to(d.destination(1, m, n)), (kernels, out) -> kernels.matmul()
                .multiply(a, b, out[0], Matmul.Epilogue.NONE));
    }

    private static Case gatedProduct(Draw d) {
        long m = 900 + d.below(100);
        long n = 1400 + d.below(200);
        long k = d.of(40, 72);
        View a = d.normal(m, k);
        DType type = d.coin() ? DType.BF16 : DType.F16;
        View gate = d.normal(type, n, k).transpose(0, 1);
        View up = d.normal(type, n, k).transpose(0, 1);
        return of(
                "gated products " + sizes(a) + " x " + gate, to(d.destination(m, n)), (kernels, out) -> kernels.matmul()
                        .multiplyGated(a, gate, up, d.destination(m, n), out[0]));
    }

    private static Case lowRankBeside(Draw d) {
        long m = 1500 + d.below(30);
        long n = 1540 + d.below(60);
        View a = d.normal(m, d.of(40, 72));
        DType type = d.coin() ? DType.BF16 : DType.F16;
        View b = d.normal(type, n, a.size(1)).transpose(0, 1);
        View left = d.normal(m, d.of(8, 72));
        View right = d.normal(type, n, left.size(1)).transpose(0, 1);
        return of(
                "matmul " + sizes(a) + " x " + b + " and rank " + left.size(1),
                to(d.destination(m, n)),
                (kernels, out) -> kernels.matmul().multiplyBoth(a, b, left, right, d.destination(m, n), out[0]));
    }

    private static Case manyHeads(Draw d) {
        long n = 257 + d.below(128);
        return attention(d, "attention, many heads ", Heads.draw(d, 2, 17, 2, n, d.coin() ? n : n + d.below(200)));
    }

    private static Case product(Draw d) {
        long batch = d.of(1, 1, 3);
        long m = d.size(200);
        long n = d.size(200);
        long k = d.size(300);
        View a = d.matrix(DType.F32, batch, m, k);
        View b = d.matrix(weightType(d), batch, k, n);
        boolean accumulate = d.below(3) == 0;
        View bias = !accumulate && d.coin() ? d.normal(n) : null;
        Activation f = accumulate ? Activation.NONE : smooth(d);
        Matmul.Merge merge = accumulate || d.coin() ? null : d.coin() ? Matmul.Merge.PLUS : Matmul.Merge.TIMES;
        View other = merge == null ? null : d.normal(batch, m, n);
        Matmul.Epilogue e = new Matmul.Epilogue(bias, f, merge, other, accumulate);
        return of(
                "matmul " + sizes(a) + " x " + b + (accumulate ? " added" : " then " + f)
                        + (merge == null ? "" : " " + merge),
                to(accumulate ? d.changed(batch, m, n) : d.destination(batch, m, n)),
                (kernels, out) -> kernels.matmul().multiply(a, b, out[0], e));
    }

    private static Case rows(Draw d) {
        long m = 1 + d.below(9);
        long n = d.size(200);
        long k = d.size(300);
        View a = d.normal(m, k);
        View b = d.normal(weightType(d), n, k).transpose(0, 1);
        View bias = d.coin() ? d.normal(n) : null;
        return of("rows " + sizes(a) + " x " + b, to(d.destination(m, n)), (kernels, out) -> kernels.matmul()
                .multiplyRows(a, b, out[0], new Matmul.Epilogue(bias, Activation.NONE, false)));
    }

    private static Case quantized(Draw d) {
        QuantizedWeight w = d.quantized(d.size(200));
        View x = d.normal(d.size(130), w.columns());
        View bias = d.coin() ? d.normal(w.rows()) : null;
        boolean rows = d.coin();
        Matmul.Epilogue e = new Matmul.Epilogue(bias, smooth(d), false);
        return of(
                (rows ? "rows " : "product ") + sizes(x) + " x " + w.format() + sizes(w.codes()),
                to(d.destination(x.size(0), w.rows())),
                (kernels, out) -> {
                    if (rows) {
                        kernels.quantizedMatmul().multiplyRows(x, w, out[0], e);
                    } else {
                        kernels.quantizedMatmul().multiply(x, w, out[0], e);
                    }
                });
    }

    /** Weights that share x, one beside two of another shape, and a gate. */
    private static Case quantizedTogether(Draw d) {
        QuantizedWeight w = d.quantized(d.size(200));
        QuantizedWeight some = w.rows(0, 1 + d.below((int) w.rows()));
        View x = d.normal(1 + d.below(9), w.columns());
        View bias = d.normal(some.rows());
        View[] out = {
            d.destination(x.size(0), w.rows()),
            d.destination(x.size(0), some.rows()),
            d.changed(x.size(0), w.rows()),
            d.destination(x.size(0), w.rows())
        };
        return of("rows " + sizes(x) + " x several " + w.format() + sizes(w.codes()), out, (kernels, y) -> {
            QuantizedMatmul matmul = kernels.quantizedMatmul();
            matmul.multiplyRows(
                    x,
                    List.of(
                            new QuantizedMatmul.Linear(w, y[0], Matmul.Epilogue.NONE),
                            new QuantizedMatmul.Linear(some, y[1], Matmul.Epilogue.bias(bias)),
                            new QuantizedMatmul.Linear(w, y[2], Matmul.Epilogue.ACCUMULATE)));
            matmul.multiplyRowsGated(x, w, w, d.destination(x.size(0), w.rows()), y[3]);
        });
    }

    private static Case quantizedBackward(Draw d) {
        QuantizedWeight w = d.quantized(d.size(200));
        View dy = d.normal(d.size(130), w.rows());
        boolean accumulate = d.coin();
        return of(
                "gradient " + sizes(dy) + " x " + w.format() + sizes(w.codes()),
                to(
                        accumulate ? d.changed(dy.size(0), w.columns()) : d.destination(dy.size(0), w.columns()),
                        d.destination(w.rows(), w.columns())),
                (kernels, out) -> {
                    kernels.quantizedMatmul().multiplyTransposed(dy, w, out[0], accumulate);
                    kernels.quantizedMatmul().widen(w, out[1]);
                });
    }

    private static Activation smooth(Draw d) {
        Activation[] some = {
            Activation.NONE,
            Activation.RELU,
            Activation.GELU,
            Activation.QUICK_GELU,
            Activation.GELU_TANH,
            Activation.SILU,
            Activation.SIGMOID
        };
        return some[d.below(some.length)];
    }

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

    private static Case attention(Draw d) {
        Heads h = Heads.draw(d, d.size(200), d.size(200));
        return attention(d, "attention ", h);
    }

    private static Case squareAttention(Draw d) {
        return attention(d, "attention ", Heads.square(d));
    }

    private static Case squareAttentionBackward(Draw d) {
        return attentionBackward(d, "attention backward ", Heads.square(d));
    }

    private static Case decode(Draw d) {
        DType type = weightType(d);
        long queries = d.of(1, 1, 2, 5);
        Heads h = Heads.draw(d, d.of(1, 2), d.of(1, 2), d.of(1, 2, 4, 8), queries, 1 + d.below(1300), type);
        return attention(d, "attention over a cache of " + type + " ", h);
    }

    /** Sequences of any length over pages in any order, some of which several have in common. */
    private static Case paged(Draw d) {
        int b = d.of(1, 2, 5);
        int hkv = d.of(1, 2);
        long size = d.of(64, 72, 80, 128, 16, 40);
        int tokens = d.of(4, 16, 64);
        int row = 1 + d.below(12);
        int pages = 1 + d.below(2 * row);
        DType type = weightType(d);
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
    private static Case append(Draw d) {
        int b = d.of(1, 2, 5);
        int hkv = d.of(1, 2, 8);
        long size = d.of(64, 72, 80, 128, 16, 40);
        int tokens = d.of(4, 16, 64);
        int row = 1 + d.below(5);
        DType type = weightType(d);
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

    private static Case attention(Draw d, String name, Heads h) {
        View lse = d.destination(h.q.size(0), h.q.size(1), h.q.size(2));
        return new Case(
                name + h.name(),
                EXACT,
                ROUNDED,
                to(d.destination(h.q.shape()), lse),
                (kernels, out) -> kernels.attention().forward(h.q, h.k, h.v, h.scale, h.mask, out[0], out[1]));
    }

    private static Case attentionBackward(Draw d) {
        return attentionBackward(d, "attention backward ", Heads.draw(d, d.size(150), d.size(150)));
    }

    private static Case manyHeadsBackward(Draw d) {
        long n = 129 + d.below(128);
        Heads h = Heads.draw(d, 2, 34, 2, n, d.coin() ? n : n + d.below(128));
        return attentionBackward(d, "attention backward, many heads ", h);
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

    private static Case packed(Draw d) {
        PackedHeads h = PackedHeads.draw(d);
        return new Case(
                "packed attention " + h.name(),
                EXACT,
                ROUNDED,
                to(d.destination(h.q.shape()), d.destination(h.q.size(1), h.q.size(0))),
                (kernels, out) ->
                        kernels.attention().packed(h.q, h.k, h.v, h.sequences, h.scale(), h.causal, out[0], out[1]));
    }

    private static Case packedBackward(Draw d) {
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

    private static Case rotary(Draw d) {
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

    private static Case layerNorm(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View gamma = d.normal(x.size(1));
        View beta = d.normal(x.size(1));
        return new Case(
                "layer norm " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(0)), d.destination(x.size(0))),
                (kernels, out) -> kernels.normalization().layerNorm(x, gamma, beta, 1e-5, out[0], out[1], out[2]));
    }

    private static Case layerNormBackward(Draw d) {
        View x = d.normal(d.size(100), 2 + d.size(1200));
        View gamma = d.normal(x.size(1));
        View mean = d.normal(x.size(0));
        View rstd = d.positive(x.size(0));
        View dy = d.normal(x.shape());
        return new Case(
                "layer norm backward " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(1)), d.destination(x.size(1))),
                (kernels, out) ->
                        kernels.normalization().layerNormBackward(x, gamma, mean, rstd, dy, out[0], out[1], out[2]));
    }

    private static Case rmsNorm(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View weight = d.normal(x.size(1));
        return of(
                "RMS norm " + sizes(x),
                to(d.destination(x.shape()), d.destination(x.size(0))),
                (kernels, out) -> kernels.normalization().rmsNorm(x, weight, 1e-5, out[0], out[1]));
    }

    private static Case rmsNormBackward(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View weight = d.normal(x.size(1));
        View rstd = d.positive(x.size(0));
        View dy = d.normal(x.shape());
        return new Case(
                "RMS norm backward " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(1))),
                (kernels, out) -> kernels.normalization().rmsNormBackward(x, weight, rstd, dy, out[0], out[1]));
    }

    private static Case batchNorm(Draw d) {
        View x = d.normal(d.of(1, 3), d.size(20), d.size(20), d.size(200));
        long c = x.size(3);
        View gamma = d.normal(c);
        View beta = d.normal(c);
        View mean = d.normal(c);
        View variance = d.positive(c);
        Activation f = d.coin() ? Activation.RELU : Activation.SIGMOID;
        return of(
                "batch norm " + sizes(x) + " " + f,
                to(d.destination(x.shape()), d.destination(c), d.destination(c)),
                (kernels, out) -> {
                    kernels.normalization().batchNorm(x, gamma, beta, mean, variance, 1e-5, f, out[0]);
                    kernels.normalization().batchStatistics(x, out[1], out[2]);
                });
    }

    private static Case batchNormBackward(Draw d) {
        View x = d.normal(d.of(1, 3), d.size(20), d.size(20), d.size(200));
        long c = x.size(3);
        View gamma = d.normal(c);
        View mean = d.normal(c);
        View variance = d.positive(c);
        View dy = d.normal(x.shape());
        boolean batch = d.coin();
        return new Case(
                "batch norm backward " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(c), d.destination(c)),
                (kernels, out) -> kernels.normalization()
                        .batchNormBackward(x, gamma, mean, variance, 1e-5, batch, dy, out[0], out[1], out[2]));
    }

    private record Conv(View x, View w, Convolution.Geometry g, long[] out) {
        static Conv draw(Draw d) {
            boolean depthwise = d.below(4) == 0;
            int k = d.of(1, 3, 3, 4);
            long c = depthwise ? d.size(72) : d.of(3, 8, 16, 24, 33, 64);
            long o = depthwise ? c : d.of(1, 8, 16, 24, 33, 72);
            k = depthwise ? 3 : k;
            int stride = k == 4 ? 4 : d.of(1, 1, 2);
            int padding = k == 3 ? 1 : 0;
            long h = k + d.below(14);
            long w = k + d.below(14);
            Convolution.Geometry g = new Convolution.Geometry(stride, padding, depthwise ? (int) c : 1);
            long i = depthwise ? 1 : c;
            View dense = d.normal(o, i, k, k);
            View weight = View.of(dense.buffer(), DType.F32, 0, dense.shape(), Convolution.channelsLast(o, i, k, k));
            View x = d.normal(d.of(1, 3), h, w, c);
            return new Conv(x, weight, g, new long[] {x.size(0), g.out(h, k), g.out(w, k), o});
        }

        String name() {
            return sizes(x) + " " + sizes(w) + " " + g;
        }
    }

    private static Case convolution(Draw d) {
        Conv c = Conv.draw(d);
        View bias = d.coin() ? d.normal(c.out[3]) : null;
        return of("convolution " + c.name(), to(d.destination(c.out)), (kernels, out) -> kernels.convolution()
                .forward(c.x, c.w, bias, c.g, out[0]));
    }

    private static Case convolutionBackward(Draw d) {
        Conv c = Conv.draw(d);
        View dy = d.normal(c.out);
        View dw = d.destination(c.w.shape());
        View laidOut = View.of(dw.buffer(), DType.F32, dw.offset(), c.w.shape(), c.w.strides());
        return new Case(
                "convolution backward " + c.name(),
                GRADIENT,
                GRADIENT,
                to(d.destination(c.x.shape()), laidOut, d.destination(c.out[3])),
                (kernels, out) -> {
                    kernels.convolution().backwardInput(dy, c.w, c.g, out[0]);
                    kernels.convolution().backwardWeight(c.x, dy, c.g, out[1], out[2]);
                });
    }

    private static Case binary(Draw d) {
        View a = d.positive(d.size(20), d.size(60), d.size(70));
        View b = d.positive(1, a.size(1), 1).expand(a.shape());
        Elementwise.Binary op = Elementwise.Binary.values()[d.below(4)];
        return of(
                op + " " + sizes(a),
                to(d.destination(a.shape()), d.destination(a.shape()), d.changed(a.shape()), d.destination(3, 5)),
                (kernels, out) -> {
                    kernels.elementwise().binary(op, a, b, out[0]);
                    kernels.elementwise().affine(a, 1.5, -2, out[1]);
                    kernels.elementwise().addScaled(b, 0.5, out[2]);
                    kernels.elementwise().fill(out[3], 2.5);
                });
    }

    private static Case activation(Draw d) {
        Activation f = Activation.values()[d.below(Activation.values().length)];
        View x = f == Activation.LOG || f == Activation.SQRT ? d.positive(d.size(200), 33) : d.normal(d.size(200), 33);
        View dy = d.normal(x.shape());
        return of(
                "activation " + f + " " + sizes(x),
                to(d.destination(x.shape()), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.elementwise().activate(f, x, out[0]);
                    kernels.elementwise().activateBackward(f, x, dy, out[1]);
                });
    }

    private static Case siluGate(Draw d) {
        View gate = d.normal(d.size(50), d.size(300));
        View up = d.normal(gate.shape());
        View dy = d.normal(gate.shape());
        return of(
                "SiLU gate " + sizes(gate),
                to(d.destination(gate.shape()), d.destination(gate.shape()), d.destination(gate.shape())),
                (kernels, out) -> {
                    kernels.elementwise().siluGate(gate, up, out[0]);
                    kernels.elementwise().siluGateBackward(gate, up, dy, out[1], out[2]);
                });
    }

    private static Case copy(Draw d) {
        View x = d.normal(d.size(30), d.size(70), d.size(70)).permute(0, 2, 1);
        DType to = d.coin() ? DType.F32 : d.coin() ? DType.BF16 : DType.F16;
        return of("copy " + x + " to " + to, to(d.destination(to, x.shape())), (kernels, out) -> kernels.elementwise()
                .copy(x, out[0]));
    }

    private static Case dropout(Draw d) {
        View x = d.normal(d.size(20), d.size(300));
        View samples = d.indices(1000, x.size(0));
        View step = d.indices(1000, 1);
        return of("dropout " + sizes(x), to(d.destination(x.shape())), (kernels, out) -> kernels.elementwise()
                .dropout(x, 0.3, 42, step, samples, 5, out[0]));
    }

    private static Case gather(Draw d) {
        View x = d.normal(d.size(100), d.size(100));
        View index = d.indices(x.size(0), d.size(150));
        return of(
                "gather " + sizes(x),
                to(d.destination(index.size(0), x.size(1))),
                (kernels, out) -> kernels.elementwise().gather(x, index, out[0]));
    }

    private static Case scatterAdd(Draw d) {
        long rows = d.size(60);
        View index = d.indices(rows, d.size(150));
        View y = d.normal(index.size(0), d.size(100));
        return of("scatter-add " + sizes(y), to(d.changed(rows, y.size(1))), (kernels, out) -> kernels.elementwise()
                .scatterAdd(y, index, out[0]));
    }

    private static Case sum(Draw d) {
        View x = d.normal(d.size(30), d.size(60), d.size(70));
        boolean accumulate = d.coin();
        int keep = d.below(8);
        long[] shape = x.shape();
        for (int i = 0; i < 3; i++) {
            shape[i] = (keep >> i & 1) == 1 ? shape[i] : 1;
        }
        return new Case(
                "sum " + sizes(x) + " to " + Arrays.toString(shape),
                GRADIENT,
                GRADIENT,
                to(accumulate ? d.changed(shape) : d.destination(shape)),
                (kernels, out) -> kernels.reduction().sum(x, 0.5, accumulate, out[0]));
    }

    private static Case softmax(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View dy = d.normal(x.shape());
        return of("softmax " + sizes(x), to(d.destination(x.shape()), d.destination(x.shape())), (kernels, out) -> {
            kernels.reduction().softmax(x, out[0]);
            kernels.reduction().softmaxBackward(out[0], dy, out[1]);
        });
    }

    private static Case normalizeRows(Draw d) {
        View x = d.normal(d.size(100), d.size(800));
        View dy = d.normal(x.shape());
        return new Case(
                "normalize rows " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(0)), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.reduction().normalizeRows(x, out[0], out[1]);
                    kernels.reduction().normalizeRowsBackward(out[0], out[1], dy, out[2]);
                });
    }

    private static Case crossEntropy(Draw d) {
        View logits = d.normal(d.size(70), 1 + d.size(3000));
        View target = d.indices(logits.size(1), logits.size(0));
        View dloss = d.normal(1);
        return of(
                "cross-entropy " + sizes(logits),
                to(d.destination(1), d.destination(logits.shape()), d.destination(logits.shape())),
                (kernels, out) -> {
                    kernels.loss().crossEntropy(logits, target, out[0], out[1]);
                    kernels.loss().crossEntropyBackward(out[1], target, dloss, out[2]);
                });
    }

    private static Case negativeDistance(Draw d) {
        View x = d.normal(d.size(30), d.size(800));
        View p = d.normal(d.of(1, 2, 5), x.size(1));
        View dy = d.normal(x.size(0), p.size(0));
        return new Case(
                "negative distance " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.size(0), p.size(0)), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.loss().negativeDistance(x, p, out[0]);
                    kernels.loss().negativeDistanceBackward(x, p, out[0], dy, false, out[1]);
                });
    }

    private static Case mutualInformation(Draw d) {
        int b = 1 + d.below(20);
        View x = d.normal(b, d.size(800));
        View y = d.normal(b, x.size(1));
        View px = d.permutation(b);
        View py = d.permutation(b);
        View dloss = d.normal(1);
        return new Case(
                "mutual information " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(1), d.destination(x.shape()), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.mutualInformation().forward(x, y, px, py, out[0]);
                    kernels.mutualInformation().backward(x, y, px, py, dloss, out[1], out[2]);
                });
    }

    /** Domain 3 takes no part; of few rows some cells are empty. */
    private static Case angles(Draw d) {
        long b = d.size(40);
        long width = d.size(800);
        List<View> features = List.of(d.normal(b, width), d.normal(b, width), d.normal(b, width));
        Loss.Angles of = new Loss.Angles(features, d.indices(2, b), d.indices(d.of(2, 3, 4), b), 3, 1, 0.85);
        View dloss = d.normal(1);
        return new Case(
                "angles " + sizes(features.getFirst()),
                GRADIENT,
                GRADIENT,
                to(d.destination(1), d.destination(b, width), d.destination(b, width), d.destination(b, width)),
                (kernels, out) -> {
                    Arena arena = Arena.ofAuto();
                    Loss.AngleParts parts = new Loss.AngleParts(
                            View.allocate(arena, DType.F32, 3 * b, 3 * b),
                            View.allocate(arena, DType.F32, 3 * b),
                            View.allocate(arena, DType.F64, of.cells(), 2 + of.pairs()));
                    kernels.loss().angles(of, out[0], parts);
                    kernels.loss().anglesBackward(of, parts, dloss, List.of(out[1], out[2], out[3]));
                });
    }

    /** Which tokens are chosen is the same everywhere, to the last bit of their cosines. */
    private static Case visionMasking(Draw d) {
        int groups = d.of(1, 2);
        long n = groups * d.size(900);
        View tokens = d.matrix(d.coin() ? DType.F32 : DType.BF16, d.of(1, 3), n, d.size(300));
        View prompt = d.normal(tokens.dtype(), tokens.size(0), d.of(1, 1, 4), tokens.size(2));
        View samples = d.indices(1 << 30, tokens.size(0));
        int keep = d.below((int) n / groups + 1);
        VisionMasking.Rule rule = new VisionMasking.Rule(groups, keep, 0.5, 1, 42, 7, 9);
        return new Case(
                "vision masking " + sizes(tokens) + " keep " + keep,
                0,
                0,
                to(
                        d.destination(DType.F64, tokens.size(0), n),
                        d.destination(DType.BOOL, tokens.size(0), n),
                        d.destination(DType.I64, tokens.size(0), n),
                        d.destination(DType.I64, tokens.size(0))),
                (kernels, out) -> kernels.visionMasking()
                        .select(tokens, prompt, samples, rule, out[0], null, out[1], out[2], out[3]));
    }

    private static Case adam(Draw d) {
        View g = d.normal(d.size(100), d.size(300));
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.99, 1e-8, 0.1, d.coin());
        View step = AdamStep.of(c, 1e-2, 3).in(Arena.ofAuto());
        return of(
                "Adam " + sizes(g),
                to(d.changed(g.shape()), d.changed(g.shape()), d.changedPositive(g.shape())),
                (kernels, out) -> kernels.optimizer().adam(out[0], g, out[1], out[2], c, step));
    }

    private static Case adamOfSeveral(Draw d) {
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.99, 1e-8, 0.1, d.coin());
        int count = d.of(1, 5, 70); // more than a launch holds
        View[] own = new View[3 * count];
        View[] gradients = new View[count];
        View[] steps = new View[count];
        for (int i = 0; i < count; i++) {
            gradients[i] = d.normal(d.size(300));
            own[3 * i] = d.changed(gradients[i].shape());
            own[3 * i + 1] = d.changed(gradients[i].shape());
            own[3 * i + 2] = d.changedPositive(gradients[i].shape());
            steps[i] = AdamStep.of(c, 1e-2, 1 + d.below(5)).in(Arena.ofAuto());
        }
        return of("Adam of " + count, own, (kernels, out) -> {
            List<Optimizer.Update> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                all.add(new Optimizer.Update(out[3 * i], gradients[i], out[3 * i + 1], out[3 * i + 2], c, steps[i]));
            }
            kernels.optimizer().adam(all);
        });
    }

    private static Case regrad(Draw d) {
        int count = d.of(1, 5, 70);
        View[] totals = new View[count];
        View[][] sources = new View[count][3];
        for (int i = 0; i < count; i++) {
            totals[i] = d.changed(d.size(40), d.size(60));
            for (int k = 0; k < 3; k++) {
                sources[i][k] = d.below(5) == 0 ? null : d.normal(totals[i].shape());
            }
        }
        View mu = View.allocate(Arena.ofAuto(), DType.F64, 3);
        for (int k = 0; k < 3; k++) {
            mu.setAt(k, 0.3 + 0.2 * d.below(3));
        }
        return new Case("ReGrad of " + count, GRADIENT, GRADIENT, totals, (kernels, out) -> {
            List<Optimizer.Correction> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                View[] g = sources[i];
                all.add(new Optimizer.Correction(out[i], i % 3 == 0 ? null : out[i], g[0], g[1], g[2], i % 3));
            }
            kernels.optimizer().regrad(all, mu);
        });
    }

    private static Case lookup(Draw d) {
        View table = d.normal(weightType(d), d.size(200), d.size(300));
        View ids = d.indices(table.size(0), d.size(100));
        return of(
                "lookup " + sizes(table),
                to(d.destination(ids.size(0), table.size(1))),
                (kernels, out) -> kernels.embedding().lookup(table, ids, out[0]));
    }

    private static Case quantizedLookup(Draw d) {
        QuantizedWeight table = d.quantized(d.size(200));
        View ids = d.indices(table.rows(), d.size(100));
        return of(
                "lookup " + table.format() + " " + table.rows() + " x " + table.columns(),
                to(d.destination(ids.size(0), table.columns())),
                (kernels, out) -> kernels.quantizedMatmul().lookup(table, ids, out[0]));
    }

    private static Case likeliest(Draw d) {
        View x = d.normal(d.of(1, 2, 8), 1 + d.below(20000));
        return of(
                "likeliest " + sizes(x),
                to(d.destination(DType.I64, x.size(0)), d.destination(DType.F64, x.size(0))),
                (kernels, out) -> kernels.reduction().likeliest(x, out[0], out[1]));
    }

    private static Case greatest(Draw d) {
        View x = d.matrix(DType.F32, d.size(2000), d.size(100));
        return of(
                "greatest of rows " + sizes(x),
                to(d.destination(x.size(0)), d.destination(DType.I64, x.size(0))),
                (kernels, out) -> kernels.reduction().greatest(x, out[0], out[1]));
    }

    private static Case greatestBackward(Draw d) {
        long rows = d.size(2000);
        long columns = d.size(100);
        View index = d.indices(columns, rows);
        View dy = d.normal(rows);
        return of(
                "greatest of rows backward, " + rows + " x " + columns,
                to(d.destination(rows, columns)),
                (kernels, out) -> kernels.reduction().greatestBackward(index, dy, out[0]));
    }
}
