package io.aegis.kernels.scalar;

import io.aegis.kernels.*;
import java.util.List;
import java.util.stream.Stream;

/**
 * The plain implementation of every family: any strides, any floating dtype, double accumulators, one thread. Each is the
 * oracle that every other implementation is tested against.
 */
public final class ScalarKernels implements Kernels {
    private final Matmul matmul = new ScalarMatmul();
    private final QuantizedMatmul quantizedMatmul = new ScalarQuantizedMatmul(matmul);
    private final Attention attention = new ScalarAttention();
    private final RotaryEmbedding rotaryEmbedding = new ScalarRotaryEmbedding();
    private final Normalization normalization = new ScalarNormalization();
    private final Convolution convolution = new ScalarConvolution();
    private final Elementwise elementwise = new ScalarElementwise();
    private final Reduction reduction = new ScalarReduction();
    private final Embedding embedding = new ScalarEmbedding();
    private final Loss loss = new ScalarLoss();
    private final MutualInformation mutualInformation = new ScalarMutualInformation();
    private final Optimizer optimizer = new ScalarOptimizer();
    private final VisionMasking visionMasking = new ScalarVisionMasking();

    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public Device device() {
        return Device.CPU;
    }

    @Override
    public Matmul matmul() {
        return matmul;
    }

    @Override
    public QuantizedMatmul quantizedMatmul() {
        return quantizedMatmul;
    }

    @Override
    public Attention attention() {
        return attention;
    }

    @Override
    public RotaryEmbedding rotaryEmbedding() {
        return rotaryEmbedding;
    }

    @Override
    public Normalization normalization() {
        return normalization;
    }

    @Override
    public Convolution convolution() {
        return convolution;
    }

    @Override
    public Elementwise elementwise() {
        return elementwise;
    }

    @Override
    public Reduction reduction() {
        return reduction;
    }

    @Override
    public Embedding embedding() {
        return embedding;
    }

    @Override
    public Loss loss() {
        return loss;
    }

    @Override
    public MutualInformation mutualInformation() {
        return mutualInformation;
    }

    @Override
    public Optimizer optimizer() {
        return optimizer;
    }

    @Override
    public VisionMasking visionMasking() {
        return visionMasking;
    }

    @Override
    public List<Choice> choices() {
        return Stream.of(
                        "matmul",
                        "attention",
                        "rotary embedding",
                        "normalization",
                        "convolution",
                        "elementwise",
                        "reduction",
                        "embedding",
                        "loss",
                        "mutual information",
                        "optimizer",
                        "vision masking")
                .map(family -> new Choice(family, "plain Java", "double accumulators, one thread: the oracle"))
                .toList();
    }
}
