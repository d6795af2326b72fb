package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Embedding;
import io.aegis.kernels.View;
import java.util.Objects;

/** Rows of a float or half-precision table, widened; other dtypes and strides go to the plain kernels. */
final class CpuEmbedding implements Embedding {
    private final Embedding plain;

    CpuEmbedding(Embedding plain) {
        this.plain = plain;
    }

    @Override
    public void lookup(View table, View ids, View y) {
        boolean stored = table.dtype() == DType.F32 || table.dtype() == DType.F16 || table.dtype() == DType.BF16;
        int d = (int) table.size(1);
        if (!stored || y.dtype() != DType.F32 || d > 1 && (table.stride(1) != 1 || y.stride(1) != 1)) {
            plain.lookup(table, ids, y);
            return;
        }
        for (long i = 0; i < ids.size(0); i++) {
            long row = Objects.checkIndex(ids.getLong(i), table.size(0));
            Widen.row(
                    table.dtype(),
                    table.buffer().memory(),
                    table.index(row),
                    y.buffer().memory(),
                    y.index(i),
                    d);
        }
    }
}
