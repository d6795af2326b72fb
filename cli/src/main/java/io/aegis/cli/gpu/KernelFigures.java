package io.aegis.cli.gpu;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.Attention;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.util.Locale;
import java.util.function.Consumer;

/** How fast each kernel is, beside what the same process measured of the device. */
final class KernelFigures {
    private static final double TERA = 1e12;
    private static final double GIGA = 1e9;
    private static final String COPY = "the copy";

    private final Kernels k;
    private final Stopwatch watch;
    private final Operands make;
    private final Consumer<Line> out;
    private double copy;

    private KernelFigures(Kernels kernels, Operands operands, Consumer<Line> out) {
        this.k = kernels;
        this.watch = new Stopwatch(kernels);
        this.make = operands;
        this.out = out;
    }

    /** Large products by our own kernels; {@code kernels} of a GPU, rounding to bfloat16, here and below. */
    static void products(Kernels kernels, Consumer<Line> out) {
        run(kernels, out, KernelFigures::products);
    }

    /** Attention, forward and backward. */
    static void attention(Kernels kernels, Consumer<Line> out) {
        run(kernels, out, f -> {
            f.attention();
            f.attentionBackward();
        });
    }

    /** What kernels of compute capability 9.0 alone do: the same products and attention. */
    static void hopper(Kernels kernels, Consumer<Line> out) {
        run(kernels, out, f -> {
            f.products();
            f.attention();
            f.attentionBackward();
        });
    }

    /** The same of attention backward alone. */
    static void attentionBackward(Kernels kernels, Consumer<Line> out) {
        run(kernels, out, KernelFigures::attentionBackward);
    }

    /** What is bound by memory, beside the device's own copy. */
    static void memory(Kernels kernels, Consumer<Line> out) {
        run(kernels, out, f -> {
            f.copy();
            f.fewRows();
            f.pointwise();
            f.visionMasking();
            f.decode();
        });
    }

    /** Large products by the toolkit's library, where it is installed: their speed, and one beside the processor's. */
    static void library(Kernels kernels, Consumer<Line> out) {
        run(kernels, out, f -> {
            out.accept(f.besideTheProcessor());
            f.products();
        });
    }

    private static void run(Kernels kernels, Consumer<Line> out, Consumer<KernelFigures> what) {
        try (Operands operands = new Operands(kernels)) {
            what.accept(new KernelFigures(kernels, operands, out));
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

    private void copy() {
        long n = 1L << 28;
        View a = make.normal(DType.F32, n);
        View b = make.empty(DType.F32, n);
        copy = 2.0 * 4 * n / watch.seconds(() -> k.elementwise().copy(a, b)) / GIGA;
        out.accept(Line.figure("copy, 1 GiB, bytes read and written", copy, "GB/s"));
        make.free();
    }

    private void products() {
        for (long n : new long[] {4096, 8192}) {
            View a = make.normal(DType.BF16, n, n);
            View w = make.normal(DType.BF16, n, n);
            View c = make.empty(DType.BF16, n, n);
            rate("matmul bf16 x W^T, " + n, 2.0 * n * n * n, () -> k.matmul()
                    .multiply(a, w.transpose(0, 1), c, Matmul.Epilogue.NONE));
            if (n == 8192) {
                rate("matmul bf16 x W, " + n, 2.0 * n * n * n, () -> k.matmul()
                        .multiply(a, w, c, Matmul.Epilogue.NONE));
                rate("matmul bf16 x^T W, " + n, 2.0 * n * n * n, () -> k.matmul()
                        .multiply(a.transpose(0, 1), w, c, Matmul.Epilogue.NONE));
            }
            make.free();
        }
        View x = make.normal(DType.F32, 1522, 4096);
        View w = make.normal(DType.BF16, 14336, 4096);
        View y = make.empty(DType.F32, 1522, 14336);
        rate("matmul f32 activations x bf16 W^T, 1522 x 14336 x 4096", 2.0 * 1522 * 14336 * 4096, () -> k.matmul()
                .multiply(x, w.transpose(0, 1), y, Matmul.Epilogue.NONE));
        make.free();
    }

    private void rate(String name, double operations, Runnable call) {
        out.accept(Line.figure(name, operations / watch.seconds(call) / TERA, "TFLOP/s"));
    }

    private record Heads(View q, View k, View v, View o, View lse) {}

    private Heads heads(long b, long h, long hkv, long n, long d) {
        return new Heads(
                make.normal(DType.BF16, b, n, h, d).permute(0, 2, 1, 3),
                make.normal(DType.BF16, b, n, hkv, d).permute(0, 2, 1, 3),
                make.normal(DType.BF16, b, n, hkv, d).permute(0, 2, 1, 3),
                make.empty(DType.BF16, b, n, h, d).permute(0, 2, 1, 3),
                make.empty(DType.F32, b, h, n));
    }

    private void attention() {
        forward(4, 16, 4096, 128, Attention.Mask.NONE);
        forward(4, 16, 4096, 128, Attention.Mask.CAUSAL);
        forward(4, 32, 4096, 64, Attention.Mask.NONE);
        forward(4, 16, 4096, 72, Attention.Mask.NONE);
        forward(32, 16, 729, 72, Attention.Mask.NONE);
        forward(64, 12, 197, 64, Attention.Mask.NONE);
    }

    private void forward(long b, long h, long n, long d, Attention.Mask mask) {
        Heads x = heads(b, h, h, n, d);
        double operations = 4.0 * b * h * n * n * d * (mask.causal() ? 0.5 : 1);
        rate(name("attention", b, h, n, d, mask), operations, () -> k.attention()
                .forward(x.q, x.k, x.v, 1 / Math.sqrt(d), mask, x.o, x.lse));
        make.free();
    }

    private void attentionBackward() {
        backward(4, 16, 4096, 128, Attention.Mask.NONE);
        backward(4, 16, 4096, 128, Attention.Mask.CAUSAL);
        backward(4, 32, 4096, 64, Attention.Mask.NONE);
        backward(32, 16, 729, 72, Attention.Mask.NONE);
        backward(64, 12, 197, 64, Attention.Mask.NONE);
    }

    private void backward(long b, long h, long n, long d, Attention.Mask mask) {
        Heads x = heads(b, h, h, n, d);
        Heads g = heads(b, h, h, n, d);
        View dout = make.normal(DType.BF16, b, n, h, d).permute(0, 2, 1, 3);
        double scale = 1 / Math.sqrt(d);
        k.attention().forward(x.q, x.k, x.v, scale, mask, x.o, x.lse);
        double operations = 10.0 * b * h * n * n * d * (mask.causal() ? 0.5 : 1);
        rate(name("attention backward", b, h, n, d, mask), operations, () -> k.attention()
                .backward(x.q, x.k, x.v, scale, mask, x.o, x.lse, dout, g.q, g.k, g.v));
        make.free();
    }

    private static String name(String what, long b, long h, long n, long d, Attention.Mask mask) {
        return what + " bf16, head " + d + ", " + n + " tokens, " + b + " x " + h + " heads"
                + (mask.causal() ? ", causal" : "");
    }

    private void decode() {
        for (long batch : new long[] {1, 8}) {
            long m = 8192;
            long d = 128;
            View q = make.normal(DType.BF16, batch, 32, 1, d);
            View key = make.normal(DType.BF16, batch, 8, m, d);
            View value = make.normal(DType.BF16, batch, 8, m, d);
            View o = make.empty(DType.F32, batch, 32, 1, d);
            double bytes = 2.0 * key.bytes();
            bandwidth(
                    "decode attention bf16, 8 key heads of 32, " + m + " tokens, batch " + batch,
                    bytes,
                    () -> k.attention().forward(q, key, value, 1 / Math.sqrt(d), Attention.Mask.NONE, o, null));
            make.free();
        }
    }

    private void fewRows() {
        for (long rows : new long[] {1, 4}) {
            long n = 14336;
            long depth = 4096;
            View x = make.normal(DType.F32, rows, depth);
            View y = make.empty(DType.F32, rows, n);
            View[] weights = new View[4];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = make.normal(DType.BF16, n, depth).transpose(0, 1);
            }
            int[] turn = new int[1];
            bandwidth("rows bf16 W^T 14336 x 4096, rows " + rows, 2.0 * n * depth, () -> k.matmul()
                    .multiplyRows(x, weights[turn[0]++ % weights.length], y, Matmul.Epilogue.NONE));
            make.free();
        }
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
        Optimizer.Adam c = new Optimizer.Adam(1e-4, 0.9, 0.999, 1e-8, 0.01, true, 10);
        bandwidth("Adam", 7 * one, () -> k.optimizer().adam(y, dy, first, second, c));
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
        double seconds = watch.seconds(
                () -> k.visionMasking().select(tokens, prompt, samples, rule, cosine, importance, top, kept, counts));
        out.accept(Line.figure("vision masking f32, 1458 x 4096, one picture", seconds * 1e6, "us"));
        make.free();
    }

    private void bandwidth(String name, double bytes, Runnable call) {
        out.accept(Line.of(name, bytes / watch.seconds(call) / GIGA, "GB/s", copy, COPY));
    }
}
