package io.aegis.kernels.cpu;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;

/**
 * Everything that a plan of oneDNN's for a product depends on.
 *
 * @param alpha a factor of the product
 * @param add whether C is added to
 * @param bias whether a row is added to all
 * @param activation what follows it
 * @param ldr distance of rows of a matrix that is added last, or {@link #NO_RESIDUAL}
 */
record OneDnnShape(
        long m,
        long n,
        long k,
        boolean aByColumns,
        long lda,
        boolean bByColumns,
        long ldb,
        float alpha,
        boolean add,
        long ldc,
        boolean bias,
        Activation activation,
        long ldr) {
    static final long NO_RESIDUAL = 0;

    /** A product with nothing behind it. */
    static OneDnnShape of(Operand a, Operand b, float alpha, boolean add, long ldc) {
        return new OneDnnShape(
                a.rows(),
                b.columns(),
                a.columns(),
                a.byColumns(),
                a.leading(),
                b.byColumns(),
                b.leading(),
                alpha,
                add,
                ldc,
                false,
                Activation.NONE,
                NO_RESIDUAL);
    }

    /** [m, k] by a weight that is stored [n, k]. */
    static OneDnnShape ofWeight(long m, long n, long k) {
        return new OneDnnShape(m, n, k, false, k, true, k, 1, false, n, false, Activation.NONE, NO_RESIDUAL);
    }

    /** Whether these steps exist behind oneDNN's products as {@link Part#finish} has them: gates keep the bits of a pass of their own. */
    static boolean covers(Epilogue e) {
        boolean isAdded =
                e.other() == null || e.merge() == Merge.PLUS && e.other().rank() == 2;
        return isAdded && (e.activation() == Activation.NONE || eltwise(e.activation()) != 0);
    }

    /** The same product, and these steps behind it. */
    OneDnnShape with(Epilogue e) {
        long rows = e.other() == null ? NO_RESIDUAL : Math.max(n, e.other().stride(0));
        return new OneDnnShape(
                m, n, k, aByColumns, lda, bByColumns, ldb, alpha, add, ldc, e.bias() != null, e.activation(), rows);
    }

    boolean hasResidual() {
        return ldr != NO_RESIDUAL;
    }

    long[] stridesOfA() {
        return aByColumns ? new long[] {1, lda} : new long[] {lda, 1};
    }

    long[] stridesOfB() {
        return bByColumns ? new long[] {1, ldb} : new long[] {ldb, 1};
    }

    /**
     * oneDNN's number of the activation ({@code dnnl_alg_kind_t}), 0 where it is not taken. Of those that end in a factor x a NaN stays
     * one; its ReLU and its sigmoid make a number of it.
     */
    static int eltwise(Activation f) {
        return switch (f) {
            case GELU_TANH -> 0x2b;
            case SILU, QUICK_GELU -> 0x2c;
            case GELU -> 0x31;
            case NONE, RELU, SIGMOID, EXP, LOG, SQRT -> 0;
        };
    }

    /** The factor in x sigmoid(factor x); 0 for functions without one. */
    static float factor(Activation f) {
        return switch (f) {
            case SILU -> 1;
            case QUICK_GELU -> 1.702f;
            case NONE, RELU, GELU, GELU_TANH, SIGMOID, EXP, LOG, SQRT -> 0;
        };
    }
}
