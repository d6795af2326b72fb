package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * attention_decode.cu: few queries over a long cache of any floating type, in float32. How a cache is split depends on its
 * length alone, so that a sequence has the same bits alone and in a batch.
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

    private record Shape(DType type, int dim, int rows) {}

    private record Kernels(Entry decode, Entry combine, int shared) {}

    private Kernels kernels(Shape shape) {
        return kernels.computeIfAbsent(shape, s -> {
            Variant variant = variant(s.type, s.dim, s.rows);
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
                all.add(variant(type, dim, 4));
                all.add(variant(type, dim, 8));
            }
        }
        return all;
    }

    private static Variant variant(DType type, int dim, int rows) {
        String name =
                switch (type) {
                    case BF16 -> "bf16";
                    case F16 -> "f16";
                    default -> "float";
                };
        return Variant.of("attention_decode.cu")
                .with("TYPE", name)
                .with("DIM", dim)
                .with("ROWS", rows);
    }

    void forward(AttentionCall call, View q, View k, View v, View out, View lse) {
        DType type = k.dtype() == v.dtype() ? k.dtype() : DType.F32;
        int dim = call.d <= 64 ? 64 : call.d <= 128 ? 128 : 256;
        int rows = call.group * call.n <= 4 ? 4 : 8;
        Kernels chosen = kernels(new Shape(type, dim, rows));
        Operand queries = call.read(q, DType.F32);
        Operand keys = call.read(k, type);
        Operand values = call.read(v, type);
        Operand result = call.write(out, DType.F32);
        call.prepare();
        View mask = call.mask.keys();
        long seen = cuda.readOrNull(mask);
        long sums = cuda.writeOrNull(lse);
        int split = split(call.m);
        int splits = Math.max(1, (call.m + split - 1) / split);
        long all = (long) call.batch * call.heads * call.n;
        long partSums = 0;
        long parts = 0;
        if (splits > 1) {
            partSums = call.scratch(DType.F32, 2 * all * splits);
            parts = call.scratch(DType.F32, all * splits * call.d);
        }
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
        long blocks = (long) (call.group * call.n + rows - 1) / rows * splits * call.keyHeads * call.batch;
        chosen.decode.launch(new Engine.Grid(blocks, 1, 1, THREADS, chosen.shared), a);
        if (splits > 1) {
            chosen.combine.launch(Engine.Grid.of(all, THREADS), a);
        }
    }

    /** Keys of a block: few where a cache is short, so that even one sequence keeps the device busy. */
    private static int split(int m) {
        return m <= 2048 ? 64 : m <= 8192 ? 128 : 256;
    }

    /** A maximum, a sum and a row of each team of lanes and each query. */
    private static int shared(DType type, int dim, int rows) {
        int lanes = Math.min(32, dim * type.bytes() / 16);
        return THREADS / lanes * rows * (dim + 2) * Float.BYTES;
    }
}
