package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import java.util.List;
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
    /** Of an adapter. */
    static final int RANK = 128;

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
        ADDED(", added to y"),
        RESIDUAL(", and a residual"),
        /** A second product of the same size, whose element the first one's gates. */
        GATE(" twice, SiLU gate"),
        /** An adapter's product beside it. */
        LOW_RANK(", and rank " + RANK);

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
        double products = fused == Fused.GATE ? 2 : 1;
        return 2.0 * m * n * (products * k + (fused == Fused.LOW_RANK ? RANK : 0));
    }

    @Override
    public Call call(Operands make) {
        View c = make.normal(y, m, n);
        return new Call(onto(c, make), List.of(new Written("y", c, tolerance())));
    }

    /** The units of a product accumulate 16 steps of K at a time, each sum cut off at 24 bits; then it is rounded to what it is stored in. */
    private double tolerance() {
        double stored = y == DType.F32 ? 0 : Math.scalb(1.0, -8);
        return EXACT + Math.ceilDiv(k, 16) * Math.scalb(1.0, -23) + stored;
    }

    private Consumer<Kernels> onto(View c, Operands make) {
        View a = layout == Layout.XT_W ? make.normal(x, k, m).transpose(0, 1) : make.normal(x, m, k);
        View b = weights(make, k);
        return switch (fused) {
            case NOTHING -> multiply(a, b, c, Epilogue.NONE);
            case BIAS_GELU -> multiply(a, b, c, new Epilogue(make.normal(DType.F32, n), Activation.GELU, false));
            case ADDED -> multiply(a, b, c, Epilogue.ACCUMULATE);
            case RESIDUAL -> multiply(a, b, c, Epilogue.plus(null, make.normal(y, m, n)));
            case GATE -> {
                View up = weights(make, k);
                View room = make.empty(y, m, n);
                yield kernels -> kernels.matmul().multiplyGated(a, b, up, room, c);
            }
            case LOW_RANK -> {
                View left = make.normal(x, m, RANK);
                View right = weights(make, RANK);
                View room = make.empty(y, m, n);
                yield kernels -> kernels.matmul().multiplyBoth(a, b, left, right, room, c);
            }
        };
    }

    private View weights(Operands make, long depth) {
        return layout == Layout.X_WT
                ? make.normal(DType.BF16, n, depth).transpose(0, 1)
                : make.normal(DType.BF16, depth, n);
    }

    private static Consumer<Kernels> multiply(View a, View b, View c, Epilogue epilogue) {
        return kernels -> kernels.matmul().multiply(a, b, c, epilogue);
    }
}
