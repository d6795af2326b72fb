package io.aegis.kernels;

import io.aegis.kernels.Matmul.Epilogue;
import java.util.List;

/**
 * Products with a frozen weight of 8 or 4 bits, W [N, K]. Weights are widened where they are used; products and sums are
 * float32. Kernels that round operands ({@link Kernels#rounding}) round x and the widened weights of products of many rows. A GPU takes a few rows of x as whole numbers instead, which are exact to 2^-23 of the largest magnitude of their
 * group. Every implementation gives the same bits whatever the number of threads.
 */
public interface QuantizedMatmul {
    /**
     * y = act(x W^T + bias), or y += x W^T.
     *
     * @param x [M, K], F32
     * @param y [M, N], F32
     */
    void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue);

    /** As {@link #multiply}, each row of y bit for bit what it would be alone; W is read once for a few rows. */
    void multiplyRows(View x, QuantizedWeight w, View y, Epilogue epilogue);

    /**
     * One of several weights that are multiplied by the same x.
     *
     * @param y [M, N], F32
     */
    record Linear(QuantizedWeight w, View y, Epilogue epilogue) {}

    /**
     * As {@link #multiply(View, QuantizedWeight, View, Epilogue)} for each part, the same bits: whoever rounds x first does so once. No
     * part reads what another one writes.
     *
     * @param x [M, K], F32
     */
    default void multiply(View x, List<Linear> parts) {
        parts.forEach(p -> multiply(x, p.w(), p.y(), p.epilogue()));
    }

    /**
     * As {@link #multiplyRows(View, QuantizedWeight, View, Epilogue)} for each part, the same bits: queries, keys and values. A
     * device reads them in one launch where they have one format and group. No part reads what another one writes.
     *
     * @param x [M, K], F32
     */
    default void multiplyRows(View x, List<Linear> parts) {
        parts.forEach(p -> multiplyRows(x, p.w(), p.y(), p.epilogue()));
    }

    /**
     * y = silu(x gate^T) (x up^T): the middle of a SwiGLU block. The bits are those of two products by {@link
     * #multiplyRows(View, QuantizedWeight, View, Epilogue)}, the second one with {@link Epilogue#gate}.
     *
     * @param x [M, K], F32
     * @param gate [N, K]
     * @param up [N, K]
     * @param room of y's shape and strides, apart from it, with any content then and afterwards
     * @param y [M, N], F32
     */
    default void multiplyRowsGated(View x, QuantizedWeight gate, QuantizedWeight up, View room, View y) {
        multiplyRows(x, up, room, Epilogue.NONE);
        multiplyRows(x, gate, y, Epilogue.gate(room));
    }

    /**
     * x = y W, or x += y W: what a gradient of y becomes for x.
     *
     * @param y [M, N], F32
     * @param x [M, K], F32
     * @param accumulate whether x is added to
     */
    void multiplyTransposed(View y, QuantizedWeight w, View x, boolean accumulate);

    /**
     * The weight itself.
     *
     * @param out [N, K], F32, any strides
     */
    void widen(QuantizedWeight w, View out);

    /**
     * Rows of the weight by number, as {@link #widen} gives them.
     *
     * @param ids I64 [n], each a row of the weight
     * @param out [n, K], F32
     */
    default void lookup(QuantizedWeight w, View ids, View out) {
        for (long i = 0; i < ids.size(0); i++) {
            long id = ids.getLong(i);
            widen(w.rows(id, id + 1), out.slice(0, i, i + 1));
        }
    }
}
