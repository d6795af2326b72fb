package io.aegis.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Rows times a weight as it is stored. One row is what a token costs: of the same matrix again and again, so a large cache
 * may hold it ({@code aegis bench gemm} walks through a gigabyte).
 */
public class ProductBenchmark extends AverageTimeBenchmark {
    /** Rows x in x out: SigLIP's MLP, a prompt and a token of Llama-3.2-1B's, a token of Llama-3-8B's. */
    @Param({"729x1152x4304", "512x2048x8192", "1x2048x8192", "1x14336x4096"})
    String shape;

    @Param({"F32", "F16", "BF16", "INT8", "INT4"})
    WeightType type;

    private final Kernels k = Backends.best();
    private Operands operands;
    private View x;
    private View y;
    private View dense;
    private QuantizedWeight quantized;
    private boolean rows;

    @Setup
    public void allocate() {
        operands = new Operands(k);
        String[] s = shape.split("x");
        long in = Long.parseLong(s[1]);
        long out = Long.parseLong(s[2]);
        rows = s[0].equals("1");
        x = operands.normal(DType.F32, Long.parseLong(s[0]), in);
        y = operands.empty(DType.F32, Long.parseLong(s[0]), out);
        if (type.format() == null) {
            dense = operands.normal(type.dtype(), out, in).transpose(0, 1);
        } else {
            quantized = operands.quantized(type.format(), WeightType.GROUP, out, in);
        }
    }

    @TearDown
    public void free() {
        operands.close();
    }

    @Benchmark
    public void product() {
        if (quantized == null && rows) {
            k.matmul().multiplyRows(x, dense, y, Epilogue.NONE);
        } else if (quantized == null) {
            k.matmul().multiply(x, dense, y, Epilogue.NONE);
        } else if (rows) {
            k.quantizedMatmul().multiplyRows(x, quantized, y, Epilogue.NONE);
        } else {
            k.quantizedMatmul().multiply(x, quantized, y, Epilogue.NONE);
        }
    }
}
