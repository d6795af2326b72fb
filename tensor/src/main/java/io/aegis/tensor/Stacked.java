package io.aegis.tensor;

import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import java.util.List;

/** Gradients of several losses, one below the other, for a product that all of them take. */
final class Stacked {
    /**
     * Rows of one loss from which a product of its own is as fast: the matrix, which is read and packed once, then is a
     * small part of the work, and copying the rows together would cost more than it saves.
     */
    private static final long FEW = 128;

    private Stacked() {}

    /** The gradient of input 0 of those who want it: dy times {@code matrix} [out, in], one product where rows are few. */
    static void timesMatrix(List<Backward> losses, View matrix) {
        List<Backward> wanting = losses.stream().filter(b -> b.wants(0)).toList();
        if (wanting.isEmpty()) {
            return;
        }
        Backward first = wanting.getFirst();
        long n = first.dy().size(-1);
        long rows = n == 0 ? 0 : first.dy().elements() / n;
        if (wanting.size() == 1 || rows >= FEW) {
            for (Backward b : wanting) {
                b.k().matmul().multiply(b.rows(b.dy()), matrix, Shapes.rows(b.into(0)), Epilogue.NONE);
            }
            return;
        }
        long all = rows * wanting.size();
        View dy = first.temporary(first.dy().dtype(), all, n);
        View dx = first.temporary(first.dy().dtype(), all, matrix.size(1));
        for (int k = 0; k < wanting.size(); k++) {
            View own = wanting.get(k).dy();
            first.k()
                    .elementwise()
                    .copy(own, dy.slice(0, k * rows, (k + 1) * rows).reshape(own.shape()));
        }
        first.k().matmul().multiply(dy, matrix, dx, Epilogue.NONE);
        for (int k = 0; k < wanting.size(); k++) {
            View own = wanting.get(k).into(0);
            first.k().elementwise().copy(dx.slice(0, k * rows, (k + 1) * rows).reshape(own.shape()), own);
        }
    }
}
