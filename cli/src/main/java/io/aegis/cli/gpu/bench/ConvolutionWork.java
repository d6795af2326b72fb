package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Behind;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Convolution.Layer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Normalization.Channels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Convolutions of 3 x 3 with padding of {@value #LAYERS} layers side by side, as DADM's masks have them: bfloat16 weights, float32 maps,
 * which are rounded on the way (that counts as time, not as operations).
 *
 * @param pictures of a layer
 * @param side lines of a map, and pixels of a line
 * @param in channels of what goes in
 * @param out channels of what comes out
 * @param pass which way
 */
public record ConvolutionWork(long pictures, long side, long in, long out, Pass pass) implements KernelWork {
    static final int LAYERS = 3;
    private static final double EPS = 1e-5;

    /** Which way, and what is behind it. */
    public enum Pass {
        /** As in training, where batch norm has to see all of it first. */
        FORWARD(""),
        /** As in scoring, with batch norm, ReLU. */
        NORMED(", batch norm and ReLU"),
        /** As in scoring, the last of a mask's: batch norm, sigmoid, and the product with another map. */
        MASK(", batch norm, sigmoid and product"),
        /** The gradient of what went in. */
        BACKWARD(", gradient of what went in");

        private final String text;

        Pass(String text) {
            this.text = text;
        }
    }

    @Override
    public String name() {
        return "convolution bf16 3 x 3, " + in + " to " + out + " channels, " + LAYERS + " x " + pictures + " maps of "
                + side + " x " + side + pass.text;
    }

    @Override
    public Unit unit() {
        return Unit.TERAFLOPS;
    }

    /** Of every tap, those that meet padding too. */
    @Override
    public double amount() {
        return 2.0 * 9 * LAYERS * pictures * side * side * in * out;
    }

    @Override
    public Call call(Operands make) {
        View x = make.normal(DType.F32, LAYERS * pictures, side, side, in);
        View y = make.normal(DType.F32, LAYERS * pictures, side, side, out);
        List<Layer> layers = new ArrayList<>();
        for (int i = 0; i < LAYERS; i++) {
            View w = make.normal(DType.BF16, out * 9 * in);
            View weight = View.of(
                    w.buffer(), DType.BF16, 0, new long[] {out, in, 3, 3}, Convolution.channelsLast(out, in, 3, 3));
            layers.add(new Layer(weight, make.normal(DType.F32, out), norm(make)));
        }
        Geometry g = Geometry.SAME_3X3;
        View written = pass == Pass.BACKWARD ? x : y;
        Consumer<Kernels> by =
                switch (pass) {
                    case FORWARD -> k -> k.convolution().forward(x, layers, g, y);
                    case NORMED -> normed(x, layers, new Behind(EPS, Activation.RELU, null), y);
                    case MASK -> {
                        View times = make.normal(DType.F32, y.shape());
                        yield normed(x, layers, new Behind(EPS, Activation.SIGMOID, times), y);
                    }
                    case BACKWARD -> {
                        List<View> weights = layers.stream().map(Layer::weight).toList();
                        yield k -> k.convolution().backwardInput(y, weights, g, x);
                    }
                };
        return new Call(by, List.of(new Written(pass == Pass.BACKWARD ? "dx" : "y", written, tolerance())));
    }

    /** As of a product with nine times the channels: {@link ProductWork} says what is rounded. */
    private double tolerance() {
        return EXACT + Math.ceilDiv(9 * (pass == Pass.BACKWARD ? out : in), 16) * Math.scalb(1.0, -23);
    }

    private Channels norm(Operands make) {
        View variance = make.empty(DType.F32, out);
        make.kernels().elementwise().fill(variance, 1);
        return new Channels(
                make.normal(DType.F32, out), make.normal(DType.F32, out), make.normal(DType.F32, out), variance);
    }

    private static Consumer<Kernels> normed(View x, List<Layer> layers, Behind behind, View y) {
        return k -> {
            if (!k.convolution().forwardNormed(x, layers, Geometry.SAME_3X3, behind, y)) {
                throw new IllegalStateException(
                        "these kernels do not take batch norm behind a convolution in one pass");
            }
        };
    }
}
