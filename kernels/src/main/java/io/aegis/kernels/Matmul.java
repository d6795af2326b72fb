package io.aegis.kernels;

import java.util.List;

/**
 * Matrix products. The right operand may be stored in half precision (F16 or BF16) beside float32 on the left and in the
 * result: a frozen weight as a checkpoint holds it. It is widened exactly, a panel at a time; products and sums are float32.
 *
 * <p>Every implementation gives the same bits whatever the number of threads. A product of a single row is bit for bit that
 * row of {@link #multiplyRows}, not of a larger product.
 */
public interface Matmul {
    /**
     * c = act(a b + bias), perhaps merged with another matrix, or c += a b. Leading dimensions are batches and must be equal.
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
     * One of several matrices that the same a is multiplied by.
     *
     * @param b [..., K, N] with an N of its own
     * @param c [..., M, N]
     */
    record Right(View b, View c, Epilogue epilogue) {}

    /**
     * As {@link #multiply(View, View, View, Epilogue)} with each in turn, to the bit: whoever rounds a first does so once. What one gives
     * may come in behind a later one; none writes a.
     *
     * @param a [..., M, K]
     */
    default void multiply(View a, List<Right> rights) {
        rights.forEach(r -> multiply(a, r.b(), r.c(), r.epilogue()));
    }

    /**
     * As {@link #multiplyRows(View, View, View, Epilogue)} with each of several matrices in turn, to the bit: where launches cost, few
     * rows may take all of them in one.
     *
     * @param a [M, K]
     * @param b each [K, N] with an N of its own
     * @param c as many, [M, N]
     */
    default void multiplyRows(View a, List<View> b, List<View> c) {
        for (int i = 0; i < b.size(); i++) {
            multiplyRows(a, b.get(i), c.get(i), Epilogue.NONE);
        }
    }

    /**
     * As {@link #multiplyGated}, each row by itself: the same bits as two {@link #multiplyRows} and {@link Elementwise#siluGate}.
     *
     * @param room of c's shape and strides, apart from it, with any content then and afterwards
     */
    default void multiplyRowsGated(View a, View gate, View up, View room, View c) {
        multiplyRows(a, up, room, Epilogue.NONE);
        multiplyRows(a, gate, c, Epilogue.gate(room));
    }

    /**
     * c = silu(a gate) (a up): the middle of a SwiGLU block, for who needs neither factor again. The same bits as two products and
     * {@link Elementwise#siluGate} on the processor.
     *
     * @param a [M, K]
     * @param gate [K, N]
     * @param up [K, N]
     * @param room of c's shape and strides, apart from it, with any content then and afterwards
     * @param c [M, N]
     */
    default void multiplyGated(View a, View gate, View up, View room, View c) {
        multiply(a, List.of(new Right(up, room, Epilogue.NONE), new Right(gate, c, Epilogue.gate(room))));
    }

    /**
     * c = a b + left right: a low-rank product beside a full one.
     *
     * @param a [M, K]
     * @param b [K, N]
     * @param left [M, R]
     * @param right [R, N]
     * @param room of c's shape and strides, apart from it, with any content then and afterwards
     * @param c [M, N]
     */
    default void multiplyBoth(View a, View b, View left, View right, View room, View c) {
        multiply(a, b, room, Epilogue.NONE);
        multiply(left, right, c, Epilogue.plus(null, room));
    }

    /** How another matrix comes in behind a product. */
    enum Merge {
        /** It is added. */
        PLUS,
        /** It is multiplied by, element by element. */
        TIMES
    }

    /**
     * What is fused behind a product: c = act(a b + bias), and then that plus or times another matrix.
     *
     * @param bias [N], or null
     * @param activation applied after the bias
     * @param merge how the other matrix comes in; null where there is none
     * @param other of c's shape and apart from it, or null: a block's residual, or what a gate lets through. Where a device has
     *     memory of its own it is fused only if it has c's strides
     * @param accumulate add to c rather than overwrite it; then nothing else
     */
    record Epilogue(View bias, Activation activation, Merge merge, View other, boolean accumulate) {
        public static final Epilogue NONE = new Epilogue(null, Activation.NONE, false);
        public static final Epilogue ACCUMULATE = new Epilogue(null, Activation.NONE, true);

        public Epilogue {
            if (accumulate && (bias != null || activation != Activation.NONE || other != null)) {
                throw new IllegalArgumentException(
                        "an accumulated product takes neither bias, activation nor another matrix");
            }
            if ((merge == null) != (other == null)) {
                throw new IllegalArgumentException("another matrix and how it comes in go together");
            }
        }

        /** Whether nothing happens behind the product, which may be added to c. */
        public boolean isNothing() {
            return bias == null && activation == Activation.NONE && other == null;
        }

        /** Without another matrix. */
        public Epilogue(View bias, Activation activation, boolean accumulate) {
            this(bias, activation, null, null, accumulate);
        }

        public static Epilogue bias(View bias) {
            return new Epilogue(bias, Activation.NONE, false);
        }

        /** a b + bias + residual; either may be null. */
        public static Epilogue plus(View bias, View residual) {
            return new Epilogue(bias, Activation.NONE, residual == null ? null : Merge.PLUS, residual, false);
        }

        /** silu(a b) times what it lets through. */
        public static Epilogue gate(View up) {
            return new Epilogue(null, Activation.SILU, Merge.TIMES, up, false);
        }

        /** For one of the first batch dimension. */
        public Epilogue select(long i) {
            return with(other == null ? null : other.select(0, i));
        }

        /** For some rows of a matrix c. */
        public Epilogue rows(long from, long to) {
            return with(other == null ? null : other.slice(0, from, to));
        }

        /** For some columns of a matrix c. */
        public Epilogue columns(long from, long to) {
            View b = bias == null ? null : bias.slice(0, from, to);
            View o = other == null ? null : other.slice(1, from, to);
            return bias == null && other == null ? this : new Epilogue(b, activation, merge, o, accumulate);
        }

        private Epilogue with(View part) {
            return other == null ? this : new Epilogue(bias, activation, merge, part, accumulate);
        }
    }
}
