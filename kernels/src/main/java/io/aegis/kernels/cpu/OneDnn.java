package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What oneDNN computes here. A kind of product is compared with plain loops before it is used for the first time; one that
 * is wrong, that the processor has no instructions for, or that only a reference implementation would compute, is left to
 * others, and {@code aegis doctor} says why.
 */
final class OneDnn {
    private OneDnn() {}

    /**
     * A kind of product that may be used.
     *
     * @param use what computes it, or null
     * @param problem why not; null where it is used
     */
    record Kind<T>(T use, String problem) {
        static <T> Kind<T> missing(String problem) {
            return new Kind<>(null, problem);
        }
    }

    /**
     * Products of bfloat16.
     *
     * @param otherwise what computes shapes that oneDNN leaves to its reference implementation
     */
    static Kind<Gemm> bfloat16(Gemm otherwise) {
        OneDnnLibrary library = OneDnnLibrary.find();
        if (library == null) {
            return Kind.missing(OneDnnLibrary.problem());
        }
        if (!library.isa().multipliesBfloat16()) {
            return Kind.missing("this processor has no instructions for it that oneDNN may use (it uses "
                    + library.isa() + ", AVX512_CORE_BF16 or AMX is needed)");
        }
        String problem = SelfCheck.problem(new OneDnnMatmul(library, DType.BF16, null), DType.BF16);
        return problem == null
                ? new Kind<>(new OneDnnMatmul(library, DType.BF16, otherwise), null)
                : Kind.missing(problem);
    }

    /** The library's version and the instructions it uses, or that it is missing. */
    static String version() {
        OneDnnLibrary library = OneDnnLibrary.find();
        return library == null ? "missing" : library.version() + ", " + library.isa();
    }

    /** Which of its implementations multiplies what, or why there is none: a line for people. */
    static String products() {
        OneDnnLibrary library = OneDnnLibrary.find();
        if (library == null) {
            return OneDnnLibrary.problem();
        }
        List<String> kinds = new ArrayList<>();
        for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16, DType.I8}) {
            Optional<String> name = new OneDnnMatmul(library, dtype, null).implementation(64, 64, 64);
            kinds.add(dtype + " " + name.orElse("none"));
        }
        return "its products: " + String.join(", ", kinds);
    }
}
