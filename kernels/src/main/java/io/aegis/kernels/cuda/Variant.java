package io.aegis.kernels.cuda;

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
