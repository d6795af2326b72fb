package io.aegis.kernels.scalar;

import io.aegis.kernels.Embedding;
import io.aegis.kernels.View;
import java.util.Objects;

/** y[i] = table[ids[i]]. */
final class ScalarEmbedding implements Embedding {
    @Override
    public void lookup(View table, View ids, View y) {
        for (long i = 0; i < ids.size(0); i++) {
            long row = Objects.checkIndex(ids.getLong(i), table.size(0));
            Doubles.writeRow(Doubles.readRow(table, table.index(row)), y, y.index(i));
        }
    }
}
