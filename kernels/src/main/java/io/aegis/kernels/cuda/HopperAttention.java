package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Attention forward of 16-bit operands on compute capability 9.0 (attention_sm90a.cu), in the place of attention.cu. */
final class HopperAttention {
    static final String FILE = "attention_sm90a.cu";

    private static final String ENTRY = "attention_sm90a";
    private static final int[] DIMS = {64, 80, 96, 128};
    private static final int QUERIES = 128;
    private static final int KEYS = 128;
    private static final int THREADS = 384;
    /** A map's strides are below it, in bytes. */
    private static final long FARTHEST = 1L << 40;

    private final Cuda cuda;
    private final Map<Variant, Entry> entries = new ConcurrentHashMap<>();

    HopperAttention(Cuda cuda) {
        this.cuda = cuda;
    }

    /** For a device that has what it needs, when it was asked for; else null. */
    static HopperAttention of(Cuda cuda) {
        return Hopper.isAskedFor(cuda) ? new HopperAttention(cuda) : null;
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (DType type : List.of(DType.BF16, DType.F16)) {
            for (int dim : DIMS) {
                all.add(variant(type, dim));
            }
        }
        return all;
    }

    private static Variant variant(DType type, int dim) {
        return Variant.of(FILE)
                .with("TYPE", type == DType.BF16 ? "bf16" : "f16")
                .with("DIM", dim);
    }

    /** Columns in shared memory. */
    private static int dim(int d) {
        for (int dim : DIMS) {
            if (d <= dim) {
                return dim;
            }
        }
        throw new IllegalArgumentException("a head of " + d + " columns, at most " + MatrixAttention.WIDEST);
    }

    /** Bytes of Q, and of the stages of K and V. */
    private static int shared(int dim) {
        int stages = dim == 128 ? 2 : 3;
        return (QUERIES + stages * 2 * KEYS) * dim * DType.BF16.bytes();
    }

    /** Elements of a row of a slab of shared memory: the widest that divide the columns. */
    private static int slab(int dim) {
        return Math.min(64, Integer.lowestOneBit(dim));
    }

    /** Whether there are keys, and the operands can be described. */
    boolean takes(AttentionCall call, Operand q, Operand k, Operand v) {
        return call.m > 0 && isMapped(call, q, call.n) && isMapped(call, k, call.m) && isMapped(call, v, call.m);
    }

    /** Rows that do not overlap, not too far apart. */
    private static boolean isMapped(AttentionCall call, Operand x, int rows) {
        long farthest = Math.max(x.row(), Math.max(x.head(), x.batch()));
        return (rows == 1 || x.row() >= call.d) && farthest * x.dtype().bytes() < FARTHEST;
    }

    /** @param q in 16 bits, and of the same type as the others */
    void forward(AttentionCall call, Operand q, Operand k, Operand v, Operand out, View lse, long sums, long seen) {
        int dim = dim(call.d);
        int tiles = Math.ceilDiv(call.n, QUERIES);
        int heads = call.heads * call.batch;
        Arguments a = Arguments.begin()
                .map(cuda.engine(), map(call, q, call.n, call.heads, QUERIES, slab(dim)))
                .map(cuda.engine(), map(call, k, call.m, call.keyHeads, KEYS, slab(dim)))
                .map(cuda.engine(), map(call, v, call.m, call.keyHeads, KEYS, slab(dim)));
        out.packOutput(a);
        CudaAttention.packLse(a, lse, sums);
        a.pointer(seen).i64(call.words());
        a.i32(call.heads).i32(call.group).i32(call.n).i32(call.m).i32(call.d);
        a.i32(call.mask.causal() ? 1 : 0);
        a.i32(has(q)).i32(has(k)).i32(has(v));
        a.i32(tiles).i32(heads).i32(section(call)).f32(call.scale);
        int blocks = Math.min(tiles * heads, cuda.properties().multiprocessors());
        entries.computeIfAbsent(variant(q.dtype(), dim), x -> new Entry(cuda, x, ENTRY))
                .launch(new Engine.Grid(blocks, 1, 1, THREADS, shared(dim)), a);
    }

    /**
     * How many heads are computed together. Under a causal mask long tiles should come before short ones, over as many heads
     * as have their keys and values in half of the second-level cache; without one all tiles are as long, so it is head by head.
     */
    private int section(AttentionCall call) {
        if (!call.mask.causal()) {
            return 1;
        }
        long bytes = 2L * call.m * call.d * DType.BF16.bytes();
        long fit = Math.max(1, cuda.properties().cacheBytes() / 2 / bytes) * call.group;
        return (int) Math.min(fit, (long) call.heads * call.batch);
    }

    /** Which of the outer dimensions an operand has, 1 heads and 2 batches; the others it is the same for. */
    private static int has(Operand x) {
        return (x.head() > 0 ? 1 : 0) | (x.batch() > 0 ? 2 : 0);
    }

    private static TensorMap map(AttentionCall call, Operand x, int rows, int heads, int tile, int slab) {
        // A dimension of one element is never stepped through, but a map wants a stride all the same.
        long some = Math.max(x.row(), 128);
        long[] sizes = {call.d, rows, x.head() > 0 ? heads : 1, x.batch() > 0 ? call.batch : 1};
        long[] strides = {x.row() > 0 ? x.row() : some, x.head() > 0 ? x.head() : some, x.batch() > 0 ? x.batch() : some
        };
        return new TensorMap(x.address(), x.dtype(), sizes, strides, new int[] {slab, tile, 1, 1});
    }
}
