package io.aegis.training;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;

/** Whether kernels keep gradients as small as they are in training. */
public final class GradientRange {
    private GradientRange() {}

    /**
     * Refuses kernels that round operands to half precision. Gradients are operands of the products on the way back, and a
     * mean over many tokens makes them small: half precision has nothing between 0 and 2^-24 = 6e-8, and fewer digits below
     * 2^-14 = 6e-5. They would have to be scaled on the way (Micikevicius et al., arXiv 1710.03740), which nothing does
     * here; bfloat16 has the range of float32 and is multiplied as fast.
     *
     * @throws TrainingException for such
     */
    public static void require(Kernels kernels) {
        if (kernels.operands() == DType.F16) {
            throw new TrainingException(
                    kernels.name()
                            + " rounds to F16, in which small gradients become 0, so nothing is trained with it; take bf16 or f32");
        }
    }
}
