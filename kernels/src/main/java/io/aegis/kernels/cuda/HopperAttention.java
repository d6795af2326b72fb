package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Attention forward of 16-bit operands on compute capability 9.0 (attention_sm90a.cu), in the place of attention.cu, but not of packed sequences:
 * a map's rows end where the tensor's do, so that a tile at a sequence's end would bring the next one's rows, whatever they hold.
 */
final class HopperAttention {
    static final String FILE = "attention_sm90a.cu";

    private static final String ENTRY = "attention_sm90a";
    private static final int QUERIES = 128;
    private static final int KEYS = 128;
    private static final int THREADS = 384;

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
            for (int dim : HopperHeads.DIMS) {
                all.add(HopperHeads.variant(FILE, type, dim));
            }
        }
        return all;
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        for (DType type : List.of(DType.BF16, DType.F16)) {
            for (int dim : HopperHeads.DIMS) {
                out.of(HopperHeads.variant(FILE, type, dim), ENTRY, shared(dim));
            }
        }
    }

    /** Bytes of Q, and of the stages of K and V. */
    private static int shared(int dim) {
        int stages = dim == 128 ? 2 : 3;
        return (QUERIES + stages * 2 * KEYS) * dim * DType.BF16.bytes();
    }

    /** Whether there are keys, and the operands can be described. */
    boolean takes(AttentionCall call, Operand q, Operand k, Operand v) {
        return call.m > 0
                && HopperHeads.isMapped(call, q, call.n)
                && HopperHeads.isMapped(call, k, call.m)
                && HopperHeads.isMapped(call, v, call.m);
    }

    /** @param q in 16 bits, and of the same type as the others */
    void forward(AttentionCall call, Operand q, Operand k, Operand v, Operand out, View lse, long sums, long seen) {
        int dim = HopperHeads.dim(call.d);
        int tiles = Math.ceilDiv(call.n, QUERIES);
        int heads = call.heads * call.batch;
        Arguments a = Arguments.begin()
                .map(cuda.engine(), HopperHeads.map(call, q, call.n, call.heads, QUERIES))
                .map(cuda.engine(), HopperHeads.map(call, k, call.m, call.keyHeads, KEYS))
                .map(cuda.engine(), HopperHeads.map(call, v, call.m, call.keyHeads, KEYS));
        out.packOutput(a);
        CudaAttention.packLse(a, lse, sums);
        a.pointer(seen).i64(call.words());
        a.i32(call.heads).i32(call.group).i32(call.n).i32(call.m).i32(call.d);
        a.i32(call.mask.causal() ? 1 : 0);
        a.i32(HopperHeads.has(q)).i32(HopperHeads.has(k)).i32(HopperHeads.has(v));
        a.i32(tiles)
                .i32(heads)
                .i32(HopperHeads.section(cuda, call, call.m, call.group, heads))
                .f32(call.scale);
        int blocks = Math.min(tiles * heads, cuda.properties().multiprocessors());
        entries.computeIfAbsent(HopperHeads.variant(FILE, q.dtype(), dim), x -> new Entry(cuda, x, ENTRY))
                .launch(new Engine.Grid(blocks, 1, 1, THREADS, shared(dim)), a);
    }
}
