package io.aegis.kernels.cuda;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Dynamic shared memory of every kernel, which a compiler does not know and a launch asks for: what the compile-time constants
 * of a variant decide, as the families launch it. The emulator holds every launch to it.
 */
public final class DynamicShared {
    /** Of kernels whose launch goes by the size of what it works on, as well as by the device. */
    public static final int BY_LAUNCH = -1;

    private final Map<Key, Integer> bytes = new HashMap<>();

    private DynamicShared() {}

    private record Key(Variant variant, String entry) {}

    private static final class Known {
        static final Map<Key, Integer> BYTES = collect();
        static final List<String> FILES = KernelCatalogue.variants().stream()
                .map(Variant::file)
                .distinct()
                .toList();

        private static Map<Key, Integer> collect() {
            DynamicShared all = new DynamicShared();
            for (int kilobytes : CudaAttention.SHARED_KILOBYTES) {
                MatrixAttention.shared(kilobytes << 10, all);
            }
            DecodeAttention.shared(all);
            CudaGemm.shared(all);
            HopperGemm.shared(all);
            HopperConvolution.shared(all);
            HopperAttention.shared(all);
            HopperAttentionBackward.shared(all);
            ImplicitGemm.shared(all);
            RowNorms.shared(all);
            QuantizedRows.shared(all);
            CudaVisionMasking.shared(all);
            return Map.copyOf(all.bytes);
        }
    }

    /** What a family says of one of its kernels. */
    void of(Variant variant, String entry, int size) {
        Integer before = bytes.put(new Key(variant, entry), size);
        if (before != null && before != size) {
            throw new IllegalStateException(
                    entry + " of " + variant + " asks for " + before + " bytes and for " + size);
        }
    }

    /**
     * Bytes that a launch asks for.
     *
     * @return 0 for none, {@link #BY_LAUNCH}
     */
    static int bytes(Variant variant, String entry) {
        int none = Known.FILES.contains(variant.file()) ? 0 : BY_LAUNCH; // a test's own
        return Known.BYTES.getOrDefault(new Key(variant, entry), none);
    }

    /** The same of a row of the table. */
    public static int bytes(KernelTable.Row row) {
        return bytes(variant(row.file(), row.macros()), row.entry());
    }

    private static Variant variant(String file, String macros) {
        TreeMap<String, String> defines = new TreeMap<>();
        for (String macro : macros.isEmpty() ? new String[0] : macros.split(" ")) {
            int sign = macro.indexOf('=');
            defines.put(macro.substring(0, sign), macro.substring(sign + 1));
        }
        return new Variant(file, defines);
    }

    /** A line for each kernel that asks for some: file, macros, entry, bytes or {@code launch}; in their order. */
    static List<String> lines() {
        return Known.BYTES.entrySet().stream()
                .map(e -> String.join(
                        "\t",
                        e.getKey().variant.file(),
                        KernelTable.macros(e.getKey().variant),
                        e.getKey().entry,
                        e.getValue() == BY_LAUNCH ? "launch" : e.getValue().toString()))
                .sorted()
                .collect(Collectors.toList());
    }
}
