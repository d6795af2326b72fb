package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.Arrays;

/** What is made of rows: sums, softmax, lengths, the greatest. */
final class ReductionCases {
    private ReductionCases() {}

    static Case sum(Draw d) {
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

    static Case softmax(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View dy = d.normal(x.shape());
        return of("softmax " + sizes(x), to(d.destination(x.shape()), d.destination(x.shape())), (kernels, out) -> {
            kernels.reduction().softmax(x, out[0]);
            kernels.reduction().softmaxBackward(out[0], dy, out[1]);
        });
    }

    static Case normalizeRows(Draw d) {
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

    static Case likeliest(Draw d) {
        View x = d.normal(d.of(1, 2, 8), 1 + d.below(20000));
        return of(
                "likeliest " + sizes(x),
                to(d.destination(DType.I64, x.size(0)), d.destination(DType.F64, x.size(0))),
                (kernels, out) -> kernels.reduction().likeliest(x, out[0], out[1]));
    }

    static Case greatest(Draw d) {
        View x = d.matrix(DType.F32, d.size(2000), d.size(100));
        return of(
                "greatest of rows " + sizes(x),
                to(d.destination(x.size(0)), d.destination(DType.I64, x.size(0))),
                (kernels, out) -> kernels.reduction().greatest(x, out[0], out[1]));
    }

    static Case greatestBackward(Draw d) {
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
