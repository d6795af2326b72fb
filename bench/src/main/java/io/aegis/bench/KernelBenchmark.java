package io.aegis.bench;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Attention;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** The kernels that a full-size DADM spends its time in, at its shapes, for a batch of {@code samples}. */
public class KernelBenchmark extends AverageTimeBenchmark {
    @Param({"1", "8"})
    int samples;

    private final Kernels k = Backends.best();
    private Arena arena;
    private View tokens;
    private View hidden;
    private View hiddenOut;
    private View expand;
    private View bias;
    private View qkv;
    private View attended;
    private View map;
    private View kernel;
    private View mapOut;
    private View wide;
    private View wideOut;
    private View depthwise;
    private View channels;

    @Setup
    public void allocate() {
        arena = Arena.ofShared();
        long rows = 3L * samples * 197;
        tokens = random(rows, 768);
        hidden = random(rows, 3072);
        hiddenOut = random(rows, 3072);
        expand = random(3072, 768);
        bias = random(3072);
        qkv = random(3L * samples, 197, 2304);
        attended = random(3L * samples, 197, 768);
        map = random(samples, 14, 14, 256);
        kernel = channelsLast(256, 256);
        mapOut = random(samples, 14, 14, 256);
        wide = random(samples, 14, 14, 1536);
        wideOut = random(samples, 14, 14, 1536);
        depthwise = channelsLast(1536, 1);
        channels = random(1536);
        k.elementwise().affine(channels, 0.1, 1, channels);
    }

    @TearDown
    public void free() {
        arena.close();
    }

    @Benchmark
    public void linear768To3072() {
        k.matmul().multiply(tokens, expand.transpose(0, 1), hidden, Epilogue.bias(bias));
    }

    @Benchmark
    public void attention197By12By64() {
        View[] p = new View[3];
        for (int i = 0; i < 3; i++) {
            p[i] = heads(qkv.slice(2, i * 768L, (i + 1) * 768L));
        }
        k.attention().forward(p[0], p[1], p[2], 0.125, Attention.Mask.NONE, heads(attended), null);
    }

    @Benchmark
    public void convolution256By256() {
        k.convolution().forward(map, kernel, null, Geometry.SAME_3X3, mapOut);
    }

    @Benchmark
    public void depthwise1536() {
        k.convolution().forward(wide, depthwise, null, Geometry.depthwise3x3(1536), wideOut);
    }

    @Benchmark
    public void batchNormSigmoid1536() {
        k.normalization().batchNorm(wide, channels, channels, channels, channels, 1e-5, Activation.SIGMOID, wideOut);
    }

    @Benchmark
    public void gelu3072() {
        // Not in place: repeated on its own result, everything would end as denormal numbers.
        k.elementwise().activate(Activation.GELU, hidden, hiddenOut);
    }

    private View heads(View x) {
        return x.reshape(x.size(0), x.size(1), 12, 64).transpose(1, 2);
    }

    private View channelsLast(long o, long i) {
        View values = random(o * i * 9);
        return View.of(values.buffer(), DType.F32, 0, new long[] {o, i, 3, 3}, Convolution.channelsLast(o, i, 3, 3));
    }

    private View random(long... shape) {
        View v = View.allocate(arena, DType.F32, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, 2 * Philox.uniform(1, shape.length, shape[0], 0, i) - 1);
        }
        return v;
    }
}
