package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;

import io.aegis.kernels.Activation;
import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.zip.CRC32;

/** A process of {@link ThreadCountTest}: computes with as many threads as it was started with, and prints checksums. */
final class ThreadCountRun {
    private static final Kernels K = Twin.fast();

    private static final Gemm ROUNDING = new WideningGemm(new OpenBlas());
    private static final Matmul BFLOAT16 = new BfloatMatmul(K.matmul(), K.elementwise(), ROUNDING, 0);

    private static final QuantizedMatmul QUANTIZED_BFLOAT16 =
            new BfloatQuantizedMatmul(K.quantizedMatmul(), K.elementwise(), ROUNDING, 0);

    private ThreadCountRun() {}

    public static void main(String[] args) {
        for (int[] s : new int[][] {{300, 200, 64}, {70, 700, 150}, {1, 900, 700}, {5, 513, 300}, {703, 619, 402}}) {
            product(s[0], s[1], s[2]);
        }
        for (QuantizedWeight.Format format : QuantizedWeight.Format.values()) {
            quantized(format);
        }
        attention("", K.attention());
        attention("bfloat16 ", new CpuAttention(K.attention(), ROUNDING, 0));
        rows();
        convolution("", K.convolution());
        convolution("bfloat16 ", new CpuConvolution(K.convolution(), K.elementwise(), ROUNDING, 0));
    }

    private static void product(int m, int n, int k) {
        View a = random(1, m, k);
        View c = garbage(m, n);
        for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            View w = TestViews.random(2, type, n, k);
            K.matmul().multiply(a, w.transpose(0, 1), c, new Epilogue(random(3, n), Activation.SILU, false));
            print(type + " x W^T " + m + "x" + n + "x" + k, c);
            View back = garbage(m, k);
            K.matmul().multiply(c, w, back, Epilogue.NONE);
            print(type + " dy W", back);
        }
        View w = TestViews.random(2, DType.BF16, n, k);
        BFLOAT16.multiply(a, w.transpose(0, 1), c, Epilogue.bias(random(3, n)));
        print("bfloat16 operands", c);
        View dw = garbage(n, k);
        K.matmul().multiply(c.transpose(0, 1), a, dw, Epilogue.NONE);
        print("dy^T x", dw);
    }

    private static void quantized(QuantizedWeight.Format format) {
        QuantizedWeight w = QuantizedWeights.random(1, format, 900, 704, 64);
        for (int m : new int[] {1, 5, 70}) {
            View x = random(2, m, 704);
            View y = garbage(m, 900);
            K.quantizedMatmul().multiply(x, w, y, new Epilogue(random(3, 900), Activation.SILU, false));
            View back = garbage(m, 704);
            K.quantizedMatmul().multiplyTransposed(y, w, back, false);
            print(format + " of " + m, y, back);
            QUANTIZED_BFLOAT16.multiply(x, w, y, Epilogue.bias(random(3, 900)));
            QUANTIZED_BFLOAT16.multiplyTransposed(y, w, back, false);
            print("bfloat16 operands, " + format + " of " + m, y, back);
        }
    }

    private static void attention(String what, Attention attention) {
        for (int n : new int[] {1, 150}) {
            View q = random(1, 2, 4, n, 40);
            View k = random(2, 2, 2, 150, 40);
            View v = random(3, 2, 2, 150, 40);
            View out = garbage(2, 4, n, 40);
            View lse = garbage(2, 4, n);
            View dq = garbage(2, 4, n, 40);
            View dk = garbage(2, 2, 150, 40);
            View dv = garbage(2, 2, 150, 40);
            attention.forward(q, k, v, 0.2, Mask.CAUSAL, out, lse);
            attention.backward(q, k, v, 0.2, Mask.CAUSAL, out, lse, random(4, 2, 4, n, 40), dq, dk, dv);
            print(what + "attention of " + n, out, lse, dq, dk, dv);
        }
    }

    private static void rows() {
        View x = random(1, 150, 200);
        View dy = random(2, 150, 200);
        View w = random(3, 200);
        View y = garbage(150, 200);
        View rstd = garbage(150);
        View mean = garbage(150);
        View dx = garbage(150, 200);
        View dw = garbage(200);
        View db = garbage(200);
        K.normalization().rmsNorm(x, w, 1e-5, y, rstd);
        K.normalization().rmsNormBackward(x, w, rstd, dy, dx, dw);
        print("RMS norm", y, rstd, dx, dw);
        K.normalization().layerNorm(x, w, w, 1e-5, y, mean, rstd);
        K.normalization().layerNormBackward(x, w, mean, rstd, dy, dx, dw, db);
        print("layer norm", y, dx, dw, db);
        View channelMean = garbage(200);
        View variance = garbage(200);
        K.normalization().batchStatistics(x, channelMean, variance);
        K.normalization().batchNormBackward(x, w, channelMean, variance, 1e-5, true, dy, dx, dw, db);
        print("batch norm", channelMean, variance, dx, dw, db);
        K.elementwise().activate(Activation.GELU_TANH, x, y);
        K.elementwise().siluGateBackward(x, y, dy, dx, null);
        print("elementwise", y, dx);
        View sum = garbage(1, 200);
        K.reduction().sum(x, 1, false, sum);
        K.reduction().softmax(x, y);
        print("reduction", sum, y);
        View loss = garbage(1);
        K.loss().crossEntropy(x, TestViews.indices(new long[150]), loss, y);
        print("loss", loss, y);
        View p = random(5, 150, 201);
        View first = random(6, 150, 201);
        View second = random(7, 150, 201);
        K.elementwise().binary(Elementwise.Binary.MULTIPLY, second, second, second);
        Optimizer.Adam constants = new Optimizer.Adam(0.9, 0.99, 1e-8, 0.1, true);
        View step = AdamStep.of(constants, 1e-3, 3).in(Arena.ofAuto());
        K.optimizer().adam(p, random(8, 150, 201), first, second, constants, step);
        print("Adam", p, first, second);
    }

    private static void convolution(String what, Convolution convolution) {
        for (Geometry g : new Geometry[] {Geometry.SAME_3X3, Geometry.depthwise3x3(24)}) {
            View x = random(1, 2, 14, 14, 24);
            View w = random(2, 24, 24 / g.groups(), 3, 3);
            View y = garbage(2, 14, 14, 24);
            View dx = garbage(2, 14, 14, 24);
            View dw = garbage(24, 24 / g.groups(), 3, 3);
            View db = garbage(24);
            convolution.forward(x, w, random(3, 24), g, y);
            convolution.backwardInput(y, w, g, dx);
            convolution.backwardWeight(x, y, g, dw, db);
            print(what + "convolution in " + g.groups() + " groups", y, dx, dw, db);
        }
    }

    private static void print(String what, View... results) {
        CRC32 crc = new CRC32();
        for (View v : results) {
            crc.update(v.segment().asByteBuffer());
        }
        System.out.printf("%s: %08x%n", what, crc.getValue());
    }
}
