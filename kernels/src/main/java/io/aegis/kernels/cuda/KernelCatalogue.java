package io.aegis.kernels.cuda;

import java.util.List;
import java.util.stream.Stream;

/** Every variant that the families here can ask for, and what all of them are compiled for in tests. */
final class KernelCatalogue {
    /** From the oldest that is supported on, what people have; others are compiled when they are met. */
    static final List<String> ARCHITECTURES = List.of("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120a");

    private KernelCatalogue() {}

    /** All that is asked for on a device of an architecture, family by family. */
    static List<Variant> variants(String arch) {
        return Stream.of(
                        CudaMatmul.variants(sharedBytes(arch)),
                        CudaNormalization.variants(),
                        CudaConvolution.variants(),
                        CudaElementwise.variants(),
                        CudaReduction.variants())
                .flatMap(List::stream)
                .distinct()
                .toList();
    }

    /** The most shared memory that a block can ask for, which some tiles are chosen by (CUDA C++ Programming Guide). */
    static int sharedBytes(String arch) {
        int number = Integer.parseInt(arch.replaceAll("\\D", ""));
        int kilobytes =
                switch (number) {
                    case 86, 89, 120, 121 -> 99;
                    case 80, 87 -> 163;
                    default -> 227;
                };
        return kilobytes << 10;
    }
}
