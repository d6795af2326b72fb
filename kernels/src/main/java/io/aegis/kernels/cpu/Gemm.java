package io.aegis.kernels.cpu;

import io.aegis.kernels.Matmul.Epilogue;

/**
 * Products of matrices, C = alpha A B or C += alpha A B: A is [m, k], B is [k, n], each stored by rows or by columns, as it
 * lies in memory, of the type that the implementation takes; C is [m, n] of float32 with dense rows. Sums are float32.
 */
@FunctionalInterface
interface Gemm {
    /**
     * By one thread.
     *
     * @param add whether to what C holds, which otherwise is not read; with k = 0 it becomes 0
     */
    void multiply(Operand a, Operand b, float alpha, boolean add, Part c);

    /** C = A B, by one thread. */
    default void multiply(Operand a, Operand b, Part c) {
        multiply(a, b, 1, false, c);
    }

    /**
     * C = act(A B + bias) and so on, by one thread; {@code add} to what C holds first. Who computes the last step of a sum tile by tile may do
     * what is behind it there, in last bits of its own.
     */
    default void multiply(Operand a, Operand b, boolean add, Part c, Epilogue behind) {
        multiply(a, b, 1, add, c);
        c.finish(behind);
    }

    /**
     * C = A B, or C += A B where the epilogue accumulates, and what is fused behind it, by all threads, cut by the shape alone.
     *
     * @param c from row and column 0 on
     */
    default void multiplyShared(Operand a, RightOperand b, Part c, Epilogue epilogue) {
        SharedProduct.run(this, a, b, c, epilogue);
    }

    /** An operand of floats as this product takes it: itself, or a rounded copy in a slot of this thread's scratch memory. */
    default Operand operand(Operand floats, int slot) {
        return floats;
    }

    /** What it is, for people. */
    default String description() {
        return getClass().getSimpleName();
    }
}
