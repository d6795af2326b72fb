package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * One compilation of a {@code .cu} file.
 *
 * @param file name of the resource, such as {@code attention.cu}
 * @param defines macros, by name: the compile-time constants of a variant
 */
record Variant(String file, TreeMap<String, String> defines) {
    static Variant of(String file) {
        return new Variant(file, new TreeMap<>());
    }

    /** The same with one more macro. */
    Variant with(String name, Object value) {
        TreeMap<String, String> more = new TreeMap<>(defines);
        more.put(name, value.toString());
        return new Variant(file, more);
    }

    /** The same for numbers of 16 bits in memory, which are its macro T; itself for float32, for which such a file is without it. */
    Variant stored(DType type) {
        return switch (type) {
            case F32 -> this;
            case BF16 -> with("T", "bf16");
            case F16 -> with("T", "f16");
            default -> throw new IllegalArgumentException("numbers of F32, BF16 and F16, not of " + type);
        };
    }

    @Override
    public String toString() {
        return defines.isEmpty()
                ? file
                : file
                        + defines.entrySet().stream()
                                .map(Map.Entry::toString)
                                .collect(Collectors.joining(" ", " [", "]"));
    }
}
