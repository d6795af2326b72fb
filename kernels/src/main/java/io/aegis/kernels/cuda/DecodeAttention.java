package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Few queries over a long cache of any floating type, in one piece or in pages, to float32's precision:
 * attention_decode_matrix.cu for heads of up to {@value #WIDEST_MATRIX} columns in 16 bits, else attention_decode.cu. How a cache is
 * split depends on its length alone, so that a sequence has the same bits alone, in a batch, and in pages.
 */
final class DecodeAttention {
    /** More queries a sequence than these are for other kernels. */
    static final int MOST_QUERIES = 8;

    /** The widest head. */
    static final int WIDEST = 256;

    private static final int WIDEST_MATRIX = 128;

    private final Cuda cuda;
    private final Tickets tickets;
    /** By type of the cache, columns and rows of a block, as they are first asked for. */
    private final Map<Shape, Kernel> kernels = new ConcurrentHashMap<>();

    DecodeAttention(Cuda cuda) {
        this.cuda = cuda;
        this.tickets = new Tickets(cuda.memory());
    }

    /** A variant of one of the two files, and what a block of it has. */
    private record Shape(DType type, int dim, int rows, boolean paged) {
        static Shape of(AttentionCall call, DType type, boolean paged) {
            int dim = call.d <= 64 ? 64 : call.d <= 128 ? 128 : 256;
            boolean few = call.group * call.n <= 4 && !(type == DType.F16 && dim <= WIDEST_MATRIX);
            return new Shape(type, dim, few ? 4 : 8, paged);
        }

        boolean isMatrix() {
            return type != DType.F32 && dim <= WIDEST_MATRIX;
        }

        int threads() {
            return isMatrix() ? 128 : 256;
        }

        /** Bytes: see the files. */
        int shared() {
            if (isMatrix()) {
                int tiles = threads() / 32 * (256 / dim) * 2;
                return tiles * 16 * (2 * dim + 16);
            }
            int lanes = Math.min(32, dim * type.bytes() / 16);
            return (threads() / lanes * rows * (dim + 2) + 2 * rows + 1) * Float.BYTES;
        }

        Variant variant() {
            String name =
                    switch (type) {
                        case BF16 -> "bf16";
                        case F16 -> "f16";
                        default -> "float";
                    };
            Variant variant = Variant.of(entry() + ".cu")
                    .with("TYPE", name)
                    .with("DIM", dim)
                    .with("ROWS", rows);
            return paged ? variant.with("PAGED", 1) : variant;
        }

        String entry() {
            return isMatrix() ? "attention_decode_matrix" : "attention_decode";
        }
    }

    private record Kernel(Entry entry, Shape shape) {}

    private Kernel kernel(Shape shape) {
        return kernels.computeIfAbsent(shape, s -> new Kernel(new Entry(cuda, s.variant(), s.entry()), s));
    }

    static List<Variant> variants() {
        return shapes().stream().map(Shape::variant).toList();
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        shapes().forEach(s -> out.of(s.variant(), s.entry(), s.shared()));
    }

    private static List<Shape> shapes() {
        List<Shape> all = new ArrayList<>();
        for (DType type : List.of(DType.F32, DType.BF16, DType.F16)) {
            for (int dim : new int[] {64, 128, 256}) {
                for (int rows : new int[] {4, 8}) {
                    if (rows == 4 && type == DType.F16 && dim <= WIDEST_MATRIX) {
                        continue; // a band of rows has eight
                    }
                    all.add(new Shape(type, dim, rows, false));
                    all.add(new Shape(type, dim, rows, true));
                }
            }
        }
        return all;
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
        Kernel kernel = kernel(Shape.of(call, type, table != null));
        Shape shape = kernel.shape;
        Operand queries = call.readAny(q);
        Operand keys = call.read(k, type);
        Operand values = call.read(v, type);
        call.prepare();
        Operand result = call.writeAny(out);
        long sums = cuda.writeOrNull(lse);
        View mask = call.mask.keys();
        long groups = Math.ceilDiv((long) call.group * call.n, shape.rows) * call.keyHeads * call.batch;
        long counters = counters(call, groups);
        long rows = (long) call.batch * call.heads * call.n;
        long partSums = 0;
        long parts = 0;
        if (splits > 1) {
            partSums = call.scratch(DType.F32, 2 * rows * splits);
            parts = call.scratch(DType.F32, rows * splits * shape.dim);
        }
        long seen = cuda.readOrNull(mask);
        long pages = cuda.readOrNull(table);
        long counts = cuda.readOrNull(lengths);
        Arguments a = Arguments.begin();
        queries.packAny(a);
        keys.packHeads(a);
        values.packHeads(a);
        result.packAny(a);
        CudaAttention.packLse(a, lse, sums);
        a.pointer(seen).i64(mask == null ? 0 : mask.stride(0)).i64(mask == null ? 0 : mask.stride(1));
        a.pointer(partSums).pointer(parts).pointer(counters);
        a.i32(call.keyHeads).i32(call.group).i32(call.n).i32(call.m).i32(call.d);
        a.i32(call.mask.causal() ? 1 : 0).i32(splits).i32(split).f32(call.scale);
        if (table != null) {
            a.i32(Integer.numberOfTrailingZeros(call.m));
            a.pointer(pages).pointer(counts).i64(table.stride(0));
        }
        kernel.entry.launch(new Engine.Grid(groups * splits, 1, 1, shape.threads(), shape.shared()), a);
    }

    /** Address of as many zeros: those that all launches use in turn, taken even where one split needs none, before a graph. */
    private long counters(AttentionCall call, long count) {
        if (count <= Tickets.COUNT) {
            return tickets.address();
        }
        long own = call.scratch(DType.I32, count);
        cuda.fill(own, (byte) 0, count * Integer.BYTES);
        return own;
    }

    /** Whether pages of so many tokens are of this kernel: the four keys that a team of lanes loads at once lie in one. */
    static boolean isPage(long tokens) {
        return tokens >= 4 && Long.bitCount(tokens) == 1;
    }

    /** The splits of the sequence that has most, whatever the lengths up to {@code longest}: a longer one may have fewer. */
    static int mostSplits(long longest) {
        int most = 1;
        for (long m = 1024; ; m *= 4) {
            long last = m > 65536 ? longest : Math.min(longest, m);
            most = Math.max(most, Math.toIntExact(Math.ceilDiv(last, (long) split(last))));
            if (last == longest) {
                return most;
            }
        }
    }

    /** Keys of a block: few where a cache is short, so that even one sequence keeps the device busy; see attention_decode.cuh. */
    static int split(long m) {
        return m <= 1024 ? 64 : m <= 4096 ? 128 : m <= 16384 ? 256 : m <= 65536 ? 512 : 1024;
    }
}
