package io.aegis.kernels.cuda;

import io.aegis.kernels.Attention.Token;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.List;

/** rotary_append.cu: a token's queries turned, its keys turned and put into pages with its values, in one launch. */
final class RotaryAppend {
    private static final Variant FILE = Variant.of("rotary_append.cu");

    private static final int THREADS = 256;
    /** Pairs of a thread where rows consist of words of 16 bytes. */
    private static final int FOUR = 4;

    private final Cuda cuda;
    private final Entry kernel;

    RotaryAppend(Cuda cuda) {
        this.cuda = cuda;
        this.kernel = new Entry(cuda, Programmatic.of(cuda, FILE), "rotate_append");
    }

    static List<Variant> variants() {
        return Programmatic.both(FILE);
    }

    /** Whether the token is one for this kernel, in pages that {@link CudaAttention#append} could fill. */
    static boolean takes(Token t, View turned) {
        return List.of(t.q(), t.k(), t.v(), t.cos(), t.sin(), turned).stream()
                        .allMatch(v -> v.dtype() == DType.F32 && v.stride(-1) == 1)
                && t.q().size(2) % 2 == 0
                && t.q().size(1) + 2 * t.k().size(1) < (1L << 31) / t.q().size(2);
    }

    void run(Token t, View keys, View values, View table, View lengths, View turned) {
        View[] rows = {t.q(), turned, t.k(), t.v()};
        View[] pages = {keys, values};
        View[] angles = {t.cos(), t.sin()};
        boolean wide = t.q().size(2) % (2 * FOUR) == 0;
        Arguments a = Arguments.begin();
        for (View v : rows) {
            long at = v == turned ? cuda.write(v) : cuda.read(v);
            wide &= areWords(at, v);
            a.pointer(at).i64(v.stride(0)).i64(v.stride(1));
        }
        for (View v : pages) {
            long at = cuda.update(v);
            wide &= areWords(at, v);
            a.pointer(at).i64(v.stride(0)).i64(v.stride(1)).i64(v.stride(2));
        }
        for (View v : angles) {
            long at = cuda.read(v);
            wide &= areWords(at, v);
            a.pointer(at).i64(v.stride(0));
        }
        a.pointer(cuda.read(table)).pointer(cuda.read(lengths)).i64(table.stride(0));
        int half = (int) t.q().size(2) / 2;
        int groups = wide ? half / FOUR : half;
        long heads = t.q().size(1) + 2 * t.k().size(1);
        a.divisor(groups).i32((int) t.q().size(1)).i32((int) t.k().size(1)).i32(half);
        a.i32(Long.numberOfTrailingZeros(keys.size(2))).i32(code(keys.dtype())).i32(wide ? 1 : 0);
        long blocks = Math.ceilDiv(heads * groups, (long) THREADS);
        kernel.launch(new Engine.Grid(blocks, t.q().size(0), 1, THREADS, 0), a);
    }

    /** Whether all rows begin where four of their elements are read or written at once. */
    private static boolean areWords(long address, View v) {
        boolean words = address % ((long) FOUR * v.dtype().bytes()) == 0;
        for (int d = 0; d < v.rank() - 1; d++) {
            words &= v.size(d) <= 1 || v.stride(d) % FOUR == 0;
        }
        return words;
    }

    /** As attention_append.cu and rotary_append.cu number the dtypes of pages. */
    static int code(DType pages) {
        return pages == DType.F32 ? 0 : pages == DType.BF16 ? 1 : 2;
    }
}
