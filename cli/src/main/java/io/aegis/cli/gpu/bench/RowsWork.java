package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.List;
import java.util.function.Consumer;

/**
 * A few float32 rows times weights [N, K], as in decoding: other weights at every call, of more bytes than any cache.
 *
 * @param type how the weights are stored
 * @param all bytes of weights that calls walk through
 */
public record RowsWork(WeightType type, long rows, long n, long k, long all) implements KernelWork {
    @Override
    public String name() {
        return "rows " + type + " W^T " + n + " x " + k + ", rows " + rows;
    }

    @Override
    public Unit unit() {
        return Unit.GIGABYTES;
    }

    /** The weights, scales included. */
    @Override
    public double amount() {
        return type.bytes() * n * k;
    }

    /** How many matrices the calls take in turn. */
    int matrices() {
        return (int) Math.max(1, Math.ceil(all / amount()));
    }

    @Override
    public Call call(Operands make) {
        return new Call(inTurn(make), List.of());
    }

    private Consumer<Kernels> inTurn(Operands make) {
        View x = make.normal(DType.F32, rows, k);
        View y = make.empty(DType.F32, rows, n);
        int[] turn = new int[1];
        if (type.format() == null) {
            View[] weights = new View[matrices()];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = make.normal(type.dtype(), n, k).transpose(0, 1);
            }
            return kernels -> kernels.matmul().multiplyRows(x, weights[turn[0]++ % weights.length], y, Epilogue.NONE);
        }
        QuantizedWeight[] weights = new QuantizedWeight[matrices()];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = make.quantized(type.format(), WeightType.GROUP, n, k);
        }
        return kernels ->
                kernels.quantizedMatmul().multiplyRows(x, weights[turn[0]++ % weights.length], y, Epilogue.NONE);
    }
}
