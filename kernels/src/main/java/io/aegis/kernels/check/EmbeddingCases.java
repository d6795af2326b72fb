package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;

/** Rows of a table, as it is stored. */
final class EmbeddingCases {
    private EmbeddingCases() {}

    static Case lookup(Draw d) {
        View table = d.normal(d.weightType(), d.size(200), d.size(300));
        View ids = d.indices(table.size(0), d.size(100));
        return of(
                "lookup " + sizes(table),
                to(d.destination(ids.size(0), table.size(1))),
                (kernels, out) -> kernels.embedding().lookup(table, ids, out[0]));
    }

    static Case quantizedLookup(Draw d) {
        QuantizedWeight table = d.quantized(d.size(200));
        View ids = d.indices(table.rows(), d.size(100));
        return of(
                "lookup " + table.format() + " " + table.rows() + " x " + table.columns(),
                to(d.destination(ids.size(0), table.columns())),
                (kernels, out) -> kernels.quantizedMatmul().lookup(table, ids, out[0]));
    }
}
