package io.aegis.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.Attention;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What lies between the products of SigLIP (729 tokens of 1152, heads of 72) and of Llama-3.2-1B (512 tokens of 2048). */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RowBenchmark extends AverageTimeBenchmark {
    private final Kernels k = Backends.best();
    private Operands operands;
    private View picture;
    private View pictureOut;
    private View heads;
    private View headsOut;
    private View mlp;
    private View mlpOut;
    private View prompt;
    private View promptOut;
    private View gamma;
    private View beta;
    private View mean;
    private View rstd;
    private View turn;
    private View scores;
    private View scoresOut;
    private View causal;
    private View keys;
    private View causalOut;

    @Setup
    public void allocate() {
        operands = new Operands(k);
        picture = operands.normal(DType.F32, 729, 1152);
        pictureOut = operands.empty(DType.F32, 729, 1152);
        heads = operands.normal(DType.F32, 1, 729, 16, 72).permute(0, 2, 1, 3);
        headsOut = operands.empty(DType.F32, 1, 729, 16, 72).permute(0, 2, 1, 3);
        mlp = operands.normal(DType.F32, 729, 4304);
        mlpOut = operands.empty(DType.F32, 729, 4304);
        prompt = operands.normal(DType.F32, 512, 2048);
        promptOut = operands.empty(DType.F32, 512, 2048);
        gamma = operands.normal(DType.F32, 2048);
        beta = operands.normal(DType.F32, 2048);
        mean = operands.empty(DType.F32, 729);
        rstd = operands.empty(DType.F32, 729);
        turn = operands.normal(DType.F32, 512, 32);
        scores = operands.normal(DType.F32, 64, 128256);
        scoresOut = operands.empty(DType.F32, 64, 128256);
        causal = operands.normal(DType.F32, 1, 512, 32, 64).permute(0, 2, 1, 3);
        keys = operands.normal(DType.F32, 1, 512, 8, 64).permute(0, 2, 1, 3);
        causalOut = operands.empty(DType.F32, 1, 512, 32, 64).permute(0, 2, 1, 3);
    }

    @TearDown
    public void free() {
        operands.close();
    }

    @Benchmark
    public void layerNorm729By1152() {
        View g = gamma.slice(0, 0, 1152);
        View b = beta.slice(0, 0, 1152);
        k.normalization().layerNorm(picture, g, b, 1e-6, pictureOut, mean, rstd);
    }

    @Benchmark
    public void rmsNorm512By2048() {
        k.normalization().rmsNorm(prompt, gamma, 1e-5, promptOut, rstd.slice(0, 0, 512));
    }

    @Benchmark
    public void geluTanh729By4304() {
        k.elementwise().activate(Activation.GELU_TANH, mlp, mlpOut);
    }

    @Benchmark
    public void softmax64By128256() {
        k.reduction().softmax(scores, scoresOut);
    }

    @Benchmark
    public void rotary512By32By64() {
        k.rotaryEmbedding()
                .rotate(prompt.reshape(1, 512, 32, 64), turn, turn, false, promptOut.reshape(1, 512, 32, 64));
    }

    @Benchmark
    public void attention729By16By72() {
        k.attention().forward(heads, heads, heads, 1 / Math.sqrt(72), Attention.Mask.NONE, headsOut, null);
    }

    @Benchmark
    public void causalAttention512By32By64() {
        k.attention().forward(causal, keys, keys, 0.125, Attention.Mask.CAUSAL, causalOut, null);
    }
}
