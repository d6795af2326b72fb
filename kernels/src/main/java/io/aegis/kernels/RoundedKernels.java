package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.util.List;

/**
 * Other kernels as if every tensor were stored in 16 bits: each operation computes in float32 and its result is then rounded
 * to bfloat16 or half precision. It is what a model converted to that dtype does in other frameworks, and so the measure of
 * how much error such a run may have.
 */
public final class RoundedKernels implements Kernels {
    private final Kernels inner;
    private final DType dtype;

    /**
     * @param inner kernels of the host
     * @param dtype F16 or BF16
     */
    public RoundedKernels(Kernels inner, DType dtype) {
        this.inner = inner;
        this.dtype = dtype;
    }

    @Override
    public void stored(View result) {
        if (result.dtype() == DType.F32) {
            try (Arena arena = Arena.ofConfined()) {
                View rounded = View.allocate(arena, dtype, result.shape());
                Kernels plain = Backends.scalar(); // its threads are this one: the arena is confined
                plain.elementwise().copy(result, rounded);
                plain.elementwise().copy(rounded, result);
            }
        }
    }

    @Override
    public String name() {
        return inner.name() + ", rounded to " + dtype;
    }

    @Override
    public Device device() {
        return inner.device();
    }

    @Override
    public Matmul matmul() {
        return inner.matmul();
    }

    @Override
    public Attention attention() {
        return inner.attention();
    }

    @Override
    public RotaryEmbedding rotaryEmbedding() {
        return inner.rotaryEmbedding();
    }

    @Override
    public Normalization normalization() {
        return inner.normalization();
    }

    @Override
    public Convolution convolution() {
        return inner.convolution();
    }

    @Override
    public Elementwise elementwise() {
        return inner.elementwise();
    }

    @Override
    public Reduction reduction() {
        return inner.reduction();
    }

    @Override
    public Embedding embedding() {
        return inner.embedding();
    }

    @Override
    public Loss loss() {
        return inner.loss();
    }

    @Override
    public MutualInformation mutualInformation() {
        return inner.mutualInformation();
    }

    @Override
    public Optimizer optimizer() {
        return inner.optimizer();
    }

    @Override
    public VisionMasking visionMasking() {
        return inner.visionMasking();
    }

    @Override
    public List<Choice> choices() {
        return inner.choices();
    }
}
