package io.aegis.kernels.cuda;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;

/**
 * What is behind a product, as the toolkit's library sees it; and from how many multiplications on a product of that kind is the library's
 * where it is installed and {@code gpu-bench gemm --choose} has not measured the card. Smaller ones, and batches, are our own kernels',
 * which fuse whatever is behind them.
 *
 * <p>The table is of one H200 (bench/results/2026-11-27-h200-bench.md), in TFLOP/s of ours for 9.0 and of the library. {@code gpu-bench gemm}
 * measures the ways of each kind in turn, and says which of them is taken. Our GELU was made faster since, and nobody has measured it: what is
 * asked of {@link #PASS} may become another number.
 */
enum Behind {
    /** 8192 each way: 678, 744. 1522 x 14336 x 4096: 536, 700. */
    NOTHING(1L << 30),
    /** A float32 sum or residual, which the library adds on its way. 1522 x 4096 x 14336: 461, 651. */
    SUM(1L << 30),
    /**
     * Anything else, which with the library is a pass over a float32 result. Bias and GELU, 8192 each way: 529, 629; 1458 x 4304 x 1152: 145,
     * 226; 12608 x 3072 x 768: 144, 203.
     */
    PASS(1L << 30),
    /** A gate of two products, which ours compute in one launch, and the library in two and a pass. 1522 x 14336 x 4096: 523, 575. */
    GATE(1L << 30);

    /** Multiplications. */
    private final long least;

    Behind(long least) {
        this.least = least;
    }

    /** Multiplications from which on a product is the library's where nobody has measured another number ({@link LibraryShare}). */
    long least() {
        return least;
    }

    /** @param type of both operands */
    static Behind of(Product p, DType type) {
        Epilogue e = p.epilogue();
        Operand c = p.c();
        if (c.alongStride() != 1) {
            return PASS;
        }
        if (p.bias() == 0 && p.other() == 0 && e.activation() == Activation.NONE) {
            if (!e.accumulate()) {
                return c.dtype() == DType.F32 || c.dtype() == type ? NOTHING : PASS;
            }
            return c.dtype() == DType.F32 ? SUM : PASS;
        }
        boolean residual = p.other() != 0
                && e.equals(Epilogue.plus(null, e.other()))
                && c.dtype() == DType.F32
                && e.other().dtype() == DType.F32;
        return residual ? SUM : PASS;
    }
}
