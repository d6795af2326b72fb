package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.View;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** rotary.cu: x and y of one type, F32, BF16 or F16, with dense rows; cos and sin F32 with dense rows. All else is the host's. */
final class CudaRotaryEmbedding implements RotaryEmbedding {
    private static final List<DType> TYPES = List.of(DType.F32, DType.BF16, DType.F16);
    private static final int THREADS = 256;

    private final Cuda cuda;
    private final RotaryEmbedding host;
    private final Map<DType, Entry> rotate = new EnumMap<>(DType.class);

    CudaRotaryEmbedding(Cuda cuda, RotaryEmbedding host) {
        this.cuda = cuda;
        this.host = host;
        TYPES.forEach(type -> rotate.put(type, new Entry(cuda, variant(type), "rotate")));
    }

    static List<Variant> variants() {
        return TYPES.stream().map(CudaRotaryEmbedding::variant).toList();
    }

    private static Variant variant(DType type) {
        String name =
                switch (type) {
                    case BF16 -> "bf16";
                    case F16 -> "f16";
                    default -> "float";
                };
        return Variant.of("rotary.cu").with("TYPE", name);
    }

    @Override
    public void rotate(View x, View cos, View sin, boolean inverse, View y) {
        DType type = x.dtype();
        boolean types =
                TYPES.contains(type) && y.dtype() == type && cos.dtype() == DType.F32 && sin.dtype() == DType.F32;
        if (!types || !isDense(x) || !isDense(y) || !isDense(cos) || !isDense(sin) || x.elements() >= 1L << 31) {
            host.rotate(x, cos, sin, inverse, y);
            return;
        }
        if (x.elements() == 0) {
            return;
        }
        long half = x.size(3) / 2;
        int each = 16 / type.bytes();
        long[] at = {cuda.read(x), cuda.read(cos), cuda.read(sin), cuda.write(y)};
        boolean wide = half % each == 0
                && areWords(at[0], x, each)
                && areWords(at[3], y, each)
                && areWords(at[1], cos, 4)
                && areWords(at[2], sin, 4);
        long pairs = wide ? half / each : half;
        long items = x.size(0) * x.size(1) * x.size(2) * pairs;
        Arguments a = Arguments.begin();
        a.pointer(at[0]).i64(x.stride(0)).i64(x.stride(1)).i64(x.stride(2));
        a.pointer(at[3]).i64(y.stride(0)).i64(y.stride(1)).i64(y.stride(2));
        packAngles(a, cos, at[1]);
        packAngles(a, sin, at[2]);
        a.divisor(pairs).divisor(x.size(2)).divisor(x.size(1));
        a.i32((int) items).i32((int) half).i32(wide ? 1 : 0).f32(inverse ? -1 : 1);
        rotate.get(type).launch(Engine.Grid.cover(items, THREADS), a);
    }

    private static void packAngles(Arguments a, View v, long address) {
        int token = v.rank() - 2;
        a.pointer(address).i64(token > 0 ? v.stride(0) : 0).i64(v.stride(token));
    }

    private static boolean isDense(View v) {
        return v.size(-1) <= 1 || v.stride(-1) == 1;
    }

    /** Whether all rows begin at multiples of so many elements, 16 bytes. */
    private static boolean areWords(long address, View v, int elements) {
        boolean words = address % 16 == 0;
        for (int d = 0; d < v.rank() - 1; d++) {
            words &= v.size(d) <= 1 || v.stride(d) % elements == 0;
        }
        return words;
    }
}
