package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.List;

/** Products with weights as they are stored: of many rows and of few, in one type or of 8 and 4 bits. */
final class ProductCases {
    private ProductCases() {}

    static Case product(Draw d) {
        long batch = d.of(1, 1, 3);
        long m = d.size(200);
        long n = d.size(200);
        long k = d.size(300);
        View a = d.matrix(DType.F32, batch, m, k);
        View b = d.matrix(d.weightType(), batch, k, n);
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

    static Case rows(Draw d) {
        long m = 1 + d.below(9);
        long n = d.size(200);
        long k = d.size(300);
        View a = d.normal(m, k);
        View b = d.normal(d.weightType(), n, k).transpose(0, 1);
        View bias = d.coin() ? d.normal(n) : null;
        return of("rows " + sizes(a) + " x " + b, to(d.destination(m, n)), (kernels, out) -> kernels.matmul()
                .multiplyRows(a, b, out[0], new Matmul.Epilogue(bias, Activation.NONE, false)));
    }

    static Case quantized(Draw d) {
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
    static Case quantizedTogether(Draw d) {
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

    static Case quantizedBackward(Draw d) {
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

    static Case largeProduct(Draw d) {
        long m = 1900 + d.below(200);
        long n = 2900 + d.below(200);
        View a = d.matrix(DType.F32, 1, m, d.of(40, 72, 200));
        View b = d.matrix(d.coin() ? DType.BF16 : DType.F16, 1, a.size(2), n);
        return of("matmul " + sizes(a) + " x " + b, to(d.destination(1, m, n)), (kernels, out) -> kernels.matmul()
                .multiply(a, b, out[0], Matmul.Epilogue.NONE));
    }

    static Case gatedProduct(Draw d) {
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

    static Case lowRankBeside(Draw d) {
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
}
