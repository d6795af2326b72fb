package io.aegis.kernels.cuda;

import java.util.List;
import java.util.stream.Stream;

/** Every variant that the families here can ask for, and what all of them are compiled for in tests. */
final class KernelCatalogue {
    /** From the oldest that is supported on, what people have; others are compiled when they are met. */
    static final List<String> ARCHITECTURES = List.of("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120a");

    private KernelCatalogue() {}

    /** All of them, family by family. */
    static List<Variant> variants() {
        return Stream.of(
                        CudaMatmul.variants(),
                        CudaNormalization.variants(),
                        CudaConvolution.variants(),
                        CudaElementwise.variants(),
                        CudaReduction.variants(),
                        CudaEmbedding.variants(),
                        CudaLoss.variants(),
                        CudaMutualInformation.variants(),
                        CudaOptimizer.variants(),
                        CudaAttention.variants(),
                        CudaRotaryEmbedding.variants(),
                        CudaVisionMasking.variants())
                .flatMap(List::stream)
                .distinct()
                .toList();
    }
}
