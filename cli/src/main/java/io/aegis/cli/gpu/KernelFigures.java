package io.aegis.cli.gpu;

import io.aegis.cli.gpu.bench.Race;
import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.function.Consumer;

/** What a check measures beside the plan of {@code gpu-bench}: kernels bound by memory that no goal is about. */
final class KernelFigures {
    private static final String COPY = "the copy";

    private final Kernels k;
    private final Race race;
    private final Operands make;
    private final Consumer<Line> out;
    private final double copy;

    private KernelFigures(Kernels kernels, Operands operands, double copy, Consumer<Line> out) {
        this.k = kernels;
        this.race = new Race(kernels, Race.Effort.FULL);
        this.make = operands;
        this.copy = copy;
        this.out = out;
    }

    /**
     * What is bound by memory, beside the device's own copy.
     *
     * @param copy of the same process, in GB/s
     */
    static void memory(Kernels kernels, double copy, Consumer<Line> out) {
        try (Operands operands = new Operands(kernels)) {
            KernelFigures f = new KernelFigures(kernels, operands, copy, out);
            f.pointwise();
            f.visionMasking();
        }
    }

    /** A large product by the toolkit's library beside the processor's; {@code kernels} of a GPU, rounding to bfloat16. */
    static Line library(Kernels kernels) {
        try (Operands operands = new Operands(kernels)) {
            return new KernelFigures(kernels, operands, Double.NaN, line -> {}).besideTheProcessor();
        }
    }

    private Line besideTheProcessor() {
        View a = make.normal(DType.BF16, 1100, 1024);
        View w = make.normal(DType.BF16, 1032, 1024);
        View ours = make.empty(DType.F32, 1100, 1032);
        View theirs = make.empty(DType.F32, 1100, 1032);
        View wide = make.empty(DType.F32, 1100, 1024);
        k.elementwise().copy(a, wide);
        k.matmul().multiply(a, w.transpose(0, 1), ours, Matmul.Epilogue.NONE);
        Backends.best().matmul().multiply(wide, w.transpose(0, 1), theirs, Matmul.Epilogue.NONE);
        double[] x = ours.toDoubles();
        double[] y = theirs.toDoubles();
        double largest = 0;
        double error = 0;
        for (int i = 0; i < x.length; i++) {
            largest = Math.max(largest, Math.abs(y[i]));
            error = Math.max(error, Double.isNaN(x[i]) ? Double.POSITIVE_INFINITY : Math.abs(x[i] - y[i]));
        }
        make.free();
        String name = "matmul bf16, 1100 x 1032 x 1024, beside the processor's";
        String said = String.format(Locale.ROOT, "off by %.1e of the largest value", error / largest);
        return error <= 1e-5 * largest ? Line.said(name, said) : Line.failure(name, said);
    }

    private void pointwise() {
        long rows = 16384;
        long width = 4096;
        View x = make.normal(DType.F32, rows, width);
        View dy = make.normal(DType.F32, rows, width);
        View y = make.empty(DType.F32, rows, width);
        View gamma = make.normal(DType.F32, width);
        View beta = make.normal(DType.F32, width);
        View mean = make.empty(DType.F32, rows);
        View rstd = make.empty(DType.F32, rows);
        View wide = make.empty(DType.F32, width);
        double one = 4.0 * rows * width;
        bandwidth("layer norm f32, 16384 x 4096", 2 * one, () -> k.normalization()
                .layerNorm(x, gamma, beta, 1e-5, y, mean, rstd));
        bandwidth("layer norm backward", 3 * one, () -> k.normalization()
                .layerNormBackward(x, gamma, mean, rstd, dy, y, wide, beta));
        bandwidth("RMS norm", 2 * one, () -> k.normalization().rmsNorm(x, gamma, 1e-5, y, rstd));
        bandwidth("RMS norm backward", 3 * one, () -> k.normalization().rmsNormBackward(x, gamma, rstd, dy, y, wide));
        bandwidth("SiLU gate", 3 * one, () -> k.elementwise().siluGate(x, dy, y));
        bandwidth("GELU by erf", 2 * one, () -> k.elementwise().activate(Activation.GELU, x, y));
        bandwidth("add", 3 * one, () -> k.elementwise().binary(Elementwise.Binary.ADD, x, dy, y));
        bandwidth("softmax", 2 * one, () -> k.reduction().softmax(x, y));
        bandwidth("sum over rows", one, () -> k.reduction().sum(x, 1, false, wide.reshape(1, width)));
        View cos = make.normal(DType.F32, 4096, 64);
        View sin = make.normal(DType.F32, 4096, 64);
        View turned = x.reshape(4, 4096, 32, 128);
        bandwidth("rotary", 2 * one, () -> k.rotaryEmbedding()
                .rotate(turned, cos, sin, false, y.reshape(4, 4096, 32, 128)));
        View first = make.normal(DType.F32, rows, width);
        View second = make.empty(DType.F32, rows, width);
        k.elementwise().fill(second, 1);
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 0.01, true);
        View step = AdamStep.of(c, 1e-4, 10).in(Arena.ofAuto());
        bandwidth("Adam", 7 * one, () -> k.optimizer().adam(y, dy, first, second, c, step));
        make.free();
    }

    /** The tokens of one picture and its auxiliary one, in the language model's space. */
    private void visionMasking() {
        long n = 1458;
        View tokens = make.normal(DType.F32, 1, n, 4096);
        View prompt = make.normal(DType.F32, 1, 1, 4096);
        View samples = make.empty(DType.I64, 1);
        k.elementwise().fill(samples, 0);
        View cosine = make.empty(DType.F64, 1, n);
        View importance = make.empty(DType.F64, 1, n);
        View top = make.empty(DType.BOOL, 1, n);
        View kept = make.empty(DType.I64, 1, n);
        View counts = make.empty(DType.I64, 1);
        VisionMasking.Rule rule = new VisionMasking.Rule(1, (int) n / 2, 0.5, 1, 42, 0, 0);
        double seconds = race.seconds(
                () -> k.visionMasking().select(tokens, prompt, samples, rule, cosine, importance, top, kept, counts));
        out.accept(Line.figure("vision masking f32, 1458 x 4096, one picture", seconds * 1e6, "us"));
        make.free();
    }

    private void bandwidth(String name, double bytes, Runnable call) {
        out.accept(Line.of(name, bytes / race.seconds(call) / 1e9, "GB/s", copy, COPY));
    }
}
