package io.aegis.kernels;

/**
 * Matrix products. The right operand may be stored in half precision (F16 or BF16) beside float32 on the left and in the
 * result: a frozen weight as a checkpoint holds it. It is widened exactly, a panel at a time; products and sums are float32.
 *
 * <p>Every implementation gives the same bits whatever the number of threads. A product of a single row is bit for bit that
 * row of {@link #multiplyRows}, not of a larger product.
 */
public interface Matmul {
    /**
     * c = act(a b + bias), or c += a b. Leading dimensions are batches and must be equal.
     *
     * @param a [..., M, K], any strides (a transposed operand is a permuted view)
     * @param b [..., K, N], any strides
     * @param c [..., M, N]
     * @param epilogue what happens to each product before it is stored
     */
    void multiply(View a, View b, View c, Epilogue epilogue);

    /**
     * As {@link #multiply}, each row of c computed by itself: bit for bit what the row alone would give, however many
     * there are. It is for decoding several sequences at once, and reads b once for a few rows; a prompt is faster with
     * {@link #multiply}.
     */
    void multiplyRows(View a, View b, View c, Epilogue epilogue);

    /**
     * What is fused behind a product.
     *
     * @param bias [N], or null
     * @param activation applied after the bias
     * @param accumulate add to c rather than overwrite it; then neither bias nor activation
     */
    record Epilogue(View bias, Activation activation, boolean accumulate) {
        public static final Epilogue NONE = new Epilogue(null, Activation.NONE, false);
        public static final Epilogue ACCUMULATE = new Epilogue(null, Activation.NONE, true);

        public Epilogue {
            if (accumulate && (bias != null || activation != Activation.NONE)) {
                throw new IllegalArgumentException("an accumulated product takes neither bias nor activation");
            }
        }

        public static Epilogue bias(View bias) {
            return new Epilogue(bias, Activation.NONE, false);
        }
    }
}
