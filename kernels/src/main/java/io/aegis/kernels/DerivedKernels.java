package io.aegis.kernels;

import java.util.function.Function;

/**
 * Kernels whose families all come from one method: those that pass others' on, changed or not, or imitate them. A family that is added
 * to {@link Kernels} is added here and in no imitation.
 */
public abstract class DerivedKernels implements Kernels {
    /** For those who derive. */
    protected DerivedKernels() {}

    /**
     * What computes a family.
     *
     * @param which its interface
     * @param of where other kernels have it
     */
    protected abstract <T> T family(Class<T> which, Function<Kernels, T> of);

    @Override
    public final Matmul matmul() {
        return family(Matmul.class, Kernels::matmul);
    }

    @Override
    public final QuantizedMatmul quantizedMatmul() {
        return family(QuantizedMatmul.class, Kernels::quantizedMatmul);
    }

    @Override
    public final Attention attention() {
        return family(Attention.class, Kernels::attention);
    }

    @Override
    public final RotaryEmbedding rotaryEmbedding() {
        return family(RotaryEmbedding.class, Kernels::rotaryEmbedding);
    }

    @Override
    public final Normalization normalization() {
        return family(Normalization.class, Kernels::normalization);
    }

    @Override
    public final Convolution convolution() {
        return family(Convolution.class, Kernels::convolution);
    }

    @Override
    public final Elementwise elementwise() {
        return family(Elementwise.class, Kernels::elementwise);
    }

    @Override
    public final Reduction reduction() {
        return family(Reduction.class, Kernels::reduction);
    }

    @Override
    public final Embedding embedding() {
        return family(Embedding.class, Kernels::embedding);
    }

    @Override
    public final Loss loss() {
        return family(Loss.class, Kernels::loss);
    }

    @Override
    public final MutualInformation mutualInformation() {
        return family(MutualInformation.class, Kernels::mutualInformation);
    }

    @Override
    public final Optimizer optimizer() {
        return family(Optimizer.class, Kernels::optimizer);
    }

    @Override
    public final VisionMasking visionMasking() {
        return family(VisionMasking.class, Kernels::visionMasking);
    }
}
