package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * attention_decode.cu: few queries over a long cache of any floating type, in one piece or in pages, in float32. How a cache
 * is split depends on its length alone, so that a sequence has the same bits alone, in a batch, and in pages.
 */
final class DecodeAttention {
    /** More queries a sequence than these are for other kernels. */
    static final int MOST_QUERIES = 8;

    /** The widest head. */
    static final int WIDEST = 256;

    private static final int THREADS = 256;

    private final Cuda cuda;
    /** By type of the cache, columns and rows of a block, as they are first asked for. */
    private final Map<Shape, Kernels> kernels = new ConcurrentHashMap<>();

    DecodeAttention(Cuda cuda) {
        this.cuda = cuda;
    }

    private record Shape(DType type, int dim, int rows, boolean paged) {
        static Shape of(AttentionCall call, DType type, boolean paged) {
            int dim = call.d <= 64 ? 64 : call.d <= 128 ? 128 : 256;
            return new Shape(type, dim, call.group * call.n <= 4 ? 4 : 8, paged);
        }
    }

    private record Kernels(Entry decode, Entry combine, int shared) {}

    private Kernels kernels(Shape shape) {
        return kernels.computeIfAbsent(shape, s -> {
            Variant variant = variant(s);
            return new Kernels(
                    new Entry(cuda, variant, "attention_decode"),
                    new Entry(cuda, variant, "attention_combine"),
                    shared(s.type, s.dim, s.rows));
        });
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (DType type : List.of(DType.F32, DType.BF16, DType.F16)) {
            for (int dim : new int[] {64, 128, 256}) {
                for (int rows : new int[] {4, 8}) {
                    all.add(variant(new Shape(type, dim, rows, false)));
                    all.add(variant(new Shape(type, dim, rows, true)));
                }
            }
        }
        return all;
    }

    private static Variant variant(Shape shape) {
        String name =
                switch (shape.type) {
                    case BF16 -> "bf16";
                    case F16 -> "f16";
                    default -> "float";
                };
        Variant variant = Variant.of("attention_decode.cu")
                .with("TYPE", name)
                .with("DIM", shape.dim)
                .with("ROWS", shape.rows);
        return shape.paged ? variant.with("PAGED", 1) : variant;
    }

    void forward(AttentionCall call, View q, View k, View v, View out, View lse) {
        int split = split(call.m);
        int splits = Math.max(1, (call.m + split - 1) / split);
        launch(call, q, k, v, out, lse, splits, split, null, null);
    }

    /**
     * Over pages.
     *
     * @param call of the queries [B, Hq, 1, D] and all pages
     * @param q as out
     * @param out [B, Hq, 1, D]
     */
    void paged(AttentionCall call, View q, View keys, View values, View table, View lengths, View out) {
        launch(call, q, keys, values, out, null, mostSplits(table.size(1) * call.m), 0, table, lengths);
    }

    private void launch(
            AttentionCall call,
            View q,
            View k,
            View v,
            View out,
            View lse,
            int splits,
            int split,
            View table,
            View lengths) {
        DType type = k.dtype() == v.dtype() ? k.dtype() : DType.F32;
        Shape shape = Shape.of(call, type, table != null);
        Kernels chosen = kernels(shape);
        Operand queries = call.read(q, DType.F32);
        Operand keys = call.read(k, type);
        Operand values = call.read(v, type);
        Operand result = call.write(out, DType.F32);
        call.prepare();
        View mask = call.mask.keys();
        long seen = cuda.readOrNull(mask);
        long sums = cuda.writeOrNull(lse);
        long all = (long) call.batch * call.heads * call.n;
        long partSums = 0;
        long parts = 0;
        if (splits > 1) {
            partSums = call.scratch(DType.F32, 2 * all * splits);
            parts = call.scratch(DType.F32, all * splits * call.d);
        }
        long pages = cuda.readOrNull(table);
        long counts = cuda.readOrNull(lengths);
        Arguments a = Arguments.begin();
        queries.packHeads(a);
        keys.packHeads(a);
        values.packHeads(a);
        result.packHeads(a);
        CudaAttention.packLse(a, lse, sums);
        a.pointer(seen).i64(mask == null ? 0 : mask.stride(0)).i64(mask == null ? 0 : mask.stride(1));
        a.pointer(partSums).pointer(parts);
        a.i32(call.keyHeads).i32(call.group).i32(call.n).i32(call.m).i32(call.d);
        a.i32(call.mask.causal() ? 1 : 0).i32(splits).i32(split).f32(call.scale);
        if (table != null) {
            a.i32(Integer.numberOfTrailingZeros(call.m));
            a.pointer(pages).pointer(counts).i64(table.stride(0));
        }
        long blocks = (long) (call.group * call.n + shape.rows - 1) / shape.rows * splits * call.keyHeads * call.batch;
        chosen.decode.launch(new Engine.Grid(blocks, 1, 1, THREADS, chosen.shared), a);
        if (splits > 1) {
            chosen.combine.launch(Engine.Grid.of(all, THREADS), a);
        }
    }

    /** Whether pages of so many tokens are of this kernel: the four keys that a team of lanes loads at once lie in one. */
    static boolean isPage(long tokens) {
        return tokens >= 4 && Long.bitCount(tokens) == 1;
    }

    /** The splits of the sequence that has most, whatever the lengths up to {@code longest}: a longer one may have fewer. */
    static int mostSplits(long longest) {
        int most = 1;
        for (long m : new long[] {Math.min(longest, 2048), Math.min(longest, 8192), longest}) {
            int split = split(m);
            most = Math.max(most, Math.toIntExact((m + split - 1) / split));
        }
        return most;
    }

    /** Keys of a block: few where a cache is short, so that even one sequence keeps the device busy. */
    private static int split(long m) {
        return m <= 2048 ? 64 : m <= 8192 ? 128 : 256;
    }

    /** A maximum, a sum and a row of each team of lanes and each query. */
    private static int shared(DType type, int dim, int rows) {
        int lanes = Math.min(32, dim * type.bytes() / 16);
        return THREADS / lanes * rows * (dim + 2) * Float.BYTES;
    }
}
