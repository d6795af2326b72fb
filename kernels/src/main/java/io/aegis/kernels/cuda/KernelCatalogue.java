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
                        QuantizedRows.variants(),
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

    /**
     * Whether a device of this architecture may ask for a variant: tiles of attention go by its shared memory, and some kernels
     * are for one architecture alone.
     */
    static boolean isAskedFor(Variant variant, String arch) {
        return Hopper.has(variant, arch)
                && Programmatic.has(variant, arch)
                && CudaAttention.isAskedFor(variant, sharedBytes(arch));
    }

    /** The most shared memory that a block can ask for (CUDA C++ Programming Guide, compute capabilities). */
    private static int sharedBytes(String arch) {
        int kilobytes =
                switch (Integer.parseInt(arch.replaceAll("\\D", ""))) {
                    case 86, 89, 120, 121 -> 99;
                    case 80, 87 -> 163;
                    default -> 227;
                };
        return kilobytes << 10;
    }
}
