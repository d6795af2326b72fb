package io.aegis.kernels;

import io.aegis.kernels.Matmul.Epilogue;
import java.util.List;

/**
 * Products with a frozen weight of 8 or 4 bits, W [N, K]. Weights are widened where they are used; products and sums are
 * float32. Every implementation gives the same bits whatever the number of threads.
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
     * As {@link #multiplyRows(View, QuantizedWeight, View, Epilogue)} with each of several weights in turn, to the bit: where launches
     * cost, few rows may take all of them in one.
     *
     * @param x [M, K], F32
     * @param w each [N, K] with an N of its own
     * @param y as many, [M, N], F32
     */
    default void multiplyRows(View x, List<QuantizedWeight> w, List<View> y) {
        for (int i = 0; i < w.size(); i++) {
            multiplyRows(x, w.get(i), y.get(i), Epilogue.NONE);
        }
    }

    /**
     * y = silu(x G^T) (x U^T), each row by itself: the same bits as two {@link #multiplyRows} and {@link Elementwise#siluGate}.
     *
     * @param room of y's shape and strides, apart from it, with any content then and afterwards
     */
    default void multiplyGatedRows(View x, QuantizedWeight gate, QuantizedWeight up, View room, View y) {
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
