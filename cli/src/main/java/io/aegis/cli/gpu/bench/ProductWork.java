package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import java.util.function.Consumer;

/**
 * A product of many rows: y [M, N] of x [M, K] and bfloat16 weights.
 *
 * @param layout which operand lies transposed
 * @param x the type of x
 * @param y the type of the result
 * @param fused what happens to a sum before it is stored
 */
public record ProductWork(long m, long n, long k, Layout layout, DType x, DType y, Fused fused) implements KernelWork {
    /** How operands lie, each of them contiguous. */
    public enum Layout {
        /** Weights [N, K], as checkpoints store them: forward. */
        X_WT("x W^T"),
        /** Weights [K, N]: the gradient of what went in. */
        X_W("x W"),
        /** x [K, M]: the gradient of the weights. */
        XT_W("x^T W");

        private final String text;

        Layout(String text) {
            this.text = text;
        }
    }

    /** What is fused behind a product. */
    public enum Fused {
        NOTHING(""),
        BIAS_GELU(", bias and GELU"),
        ADDED(", added to y");

        private final String text;

        Fused(String text) {
            this.text = text;
        }
    }

    /** Of bfloat16 throughout. */
    static ProductWork square(long n, Layout layout) {
        return new ProductWork(n, n, n, layout, DType.BF16, DType.BF16, Fused.NOTHING);
    }

    @Override
    public String name() {
        boolean square = m == n && n == k && x == DType.BF16 && layout != null;
        String shape = square
                ? "matmul bf16 " + layout.text + ", " + n
                : "matmul " + (x == DType.F32 ? "f32 activations x bf16 W^T" : "bf16 " + layout.text) + ", " + m + " x "
                        + n + " x " + k;
        return shape + fused.text;
    }

    @Override
    public Unit unit() {
        return Unit.TERAFLOPS;
    }

    @Override
    public double amount() {
        return 2.0 * m * n * k;
    }

    @Override
    public Consumer<Kernels> prepare(Operands make) {
        View a = layout == Layout.XT_W ? make.normal(x, k, m).transpose(0, 1) : make.normal(x, m, k);
        View b = layout == Layout.X_WT ? make.normal(DType.BF16, n, k).transpose(0, 1) : make.normal(DType.BF16, k, n);
        View c = make.normal(y, m, n);
        Epilogue epilogue =
                switch (fused) {
                    case NOTHING -> Epilogue.NONE;
                    case BIAS_GELU -> new Epilogue(make.normal(DType.F32, n), Activation.GELU, false);
                    case ADDED -> Epilogue.ACCUMULATE;
                };
        return kernels -> kernels.matmul().multiply(a, b, c, epilogue);
    }
}
