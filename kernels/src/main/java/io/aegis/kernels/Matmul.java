package io.aegis.kernels;

/** Matrix products. */
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
