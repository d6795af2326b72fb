package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * Other kernels as if every tensor were stored in 16 bits: each operation computes in float32 and its result is then rounded
 * to bfloat16 or half precision, and so are the operands of products, weights among them. It is what a model converted to that dtype does in other frameworks, and so the measure of
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
            try (Arena arena = Arena.ofShared()) {
                inner.elementwise().copy(rounded(result, arena), result);
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
        Matmul plain = inner.matmul();
        return new Matmul() {
            @Override
            public void multiply(View a, View b, View c, Epilogue epilogue) {
                rounded(a, b, (x, y) -> plain.multiply(x, y, c, epilogue));
            }

            @Override
            public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
                rounded(a, b, (x, y) -> plain.multiplyRows(x, y, c, epilogue));
            }
        };
    }

    @Override
    public QuantizedMatmul quantizedMatmul() {
        return inner.quantizedMatmul();
    }

    /** Activations are rounded already; weights are still as they were loaded. */
    private void rounded(View a, View b, BiConsumer<View, View> product) {
        try (Arena arena = Arena.ofShared()) {
            product.accept(rounded(a, arena), rounded(b, arena));
        }
    }

    private View rounded(View x, Arena arena) {
        if (x.dtype() != DType.F32) {
            return x;
        }
        View narrow = View.allocate(arena, dtype, x.shape());
        View wide = View.allocate(arena, DType.F32, x.shape());
        inner.elementwise().copy(x, narrow);
        inner.elementwise().copy(narrow, wide);
        return wide;
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
