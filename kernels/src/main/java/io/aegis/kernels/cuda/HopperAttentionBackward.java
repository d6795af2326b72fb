package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import io.aegis.kernels.cuda.AttentionCall.Statistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Gradients of attention of 16-bit operands on compute capability 9.0, in the place of attention_backward.cu: those of keys and
 * values by attention_key_gradients_sm90a.cu, that of queries by attention_query_gradient_sm90a.cu, which sums in a fixed order, or, where any
 * order will do, by the former along with its own.
 */
final class HopperAttentionBackward {
    static final String KEYS_FILE = "attention_key_gradients_sm90a.cu";
    static final String QUERY_FILE = "attention_query_gradient_sm90a.cu";

    private static final String KEYS_ENTRY = "attention_key_gradients_sm90a";
    private static final String SUMS_ENTRY = "attention_query_sums_sm90a";
    private static final String QUERY_ENTRY = "attention_query_gradient_sm90a";
    private static final int KEYS = 128;
    private static final int QUERIES = 128;
    private static final int THREADS = 384;
    private static final int WARPGROUP = 128;
    /** Queries that a warpgroup of the former has at once. */
    private static final int GROUP_ROWS = 64;

    private final Cuda cuda;
    private final boolean ordered;
    private final Map<Key, Entry> entries = new ConcurrentHashMap<>();

    private record Key(Variant variant, String entry) {}

    /** @param ordered whether every sum has to have a fixed order */
    HopperAttentionBackward(Cuda cuda, boolean ordered) {
        this.cuda = cuda;
        this.ordered = ordered;
    }

    /** For a device that has what they need, when they were asked for; else null. */
    static HopperAttentionBackward of(Cuda cuda) {
        return Hopper.isAskedFor(cuda) ? new HopperAttentionBackward(cuda, Hopper.isOrdered()) : null;
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (DType type : List.of(DType.BF16, DType.F16)) {
            for (int dim : HopperHeads.DIMS) {
                all.add(ofKeys(type, dim, false));
                all.add(ofKeys(type, dim, true));
                all.add(HopperHeads.variant(QUERY_FILE, type, dim));
            }
        }
        return all;
    }

    private static Variant ofKeys(DType type, int dim, boolean queries) {
        return HopperHeads.variant(KEYS_FILE, type, dim).with("DQ", queries ? 1 : 0);
    }

    /** The shape of attention_key_gradients_sm90a.cu. */
    private record Shape(int dim, boolean sums) {
        int queries() {
            return dim == 64 ? 128 : 64;
        }

        /** K, V, the stages of Q, dO, lse' and delta; two of dS, and dQ. */
        int shared() {
            int stages = sums ? 2 : 3;
            int row = dim * DType.BF16.bytes();
            int bytes = 2 * KEYS * row + stages * queries() * 2 * (row + Float.BYTES);
            return bytes + (sums ? 2 * queries() * KEYS * DType.BF16.bytes() + queries() * dim * Float.BYTES : 0);
        }
    }

    /** Bytes of Q and dO, and of the stages of K and V, in attention_query_gradient_sm90a.cu. */
    private static int querySharedBytes(int dim) {
        int stages = dim <= 80 ? 3 : 2;
        return (1 + stages) * 2 * QUERIES * dim * DType.BF16.bytes();
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        for (DType type : List.of(DType.BF16, DType.F16)) {
            for (int dim : HopperHeads.DIMS) {
                out.of(ofKeys(type, dim, false), KEYS_ENTRY, new Shape(dim, false).shared());
                out.of(ofKeys(type, dim, true), KEYS_ENTRY, new Shape(dim, true).shared());
                out.of(HopperHeads.variant(QUERY_FILE, type, dim), QUERY_ENTRY, querySharedBytes(dim));
            }
        }
    }

    /** Whether there are queries and keys, and the operands can be described: q, k, v, dout. */
    boolean takes(AttentionCall call, Operand[] in) {
        return call.n > 0
                && call.m > 0
                && HopperHeads.isMapped(call, in[0], call.n)
                && HopperHeads.isMapped(call, in[1], call.m)
                && HopperHeads.isMapped(call, in[2], call.m)
                && HopperHeads.isMapped(call, in[3], call.n);
    }

    /**
     * Computes what is wanted.
     *
     * @param in q, k, v, dout, of one type of 16 bits
     * @param to dq, dk, dv, {@link Operand#NONE} where nobody wants it
     */
    void backward(AttentionCall call, Operand[] in, Operand[] to, Statistics rows, long seen) {
        boolean query = to[0] != Operand.NONE;
        boolean keys = to[1] != Operand.NONE || to[2] != Operand.NONE;
        boolean together = query && keys && !ordered;
        long sums = 0;
        if (together) {
            long elements = (long) call.batch * call.heads * call.padded() * HopperHeads.dim(call.d);
            sums = call.scratch(DType.F32, elements);
            cuda.fill(sums, (byte) 0, elements * Float.BYTES);
        }
        if (keys) {
            keyGradients(call, in, to, rows, seen, sums);
        }
        if (together) {
            addUp(call, in[0].dtype(), sums, to[0]);
        } else if (query) {
            queryGradient(call, in, to[0], rows, seen);
        }
    }

    private void keyGradients(AttentionCall call, Operand[] in, Operand[] to, Statistics rows, long seen, long sums) {
        Shape shape = new Shape(HopperHeads.dim(call.d), sums != 0);
        Arguments a = maps(call, in, shape.queries());
        to[1].packOutput(a);
        to[2].packOutput(a);
        a.pointer(rows.scaled()).pointer(rows.delta()).pointer(sums);
        rest(a, call, in, seen);
        int tiles = Math.ceilDiv(call.m, KEYS);
        int heads = call.keyHeads * call.batch;
        a.i32(tiles).i32(heads);
        a.i32(HopperHeads.section(cuda, call, (long) call.n * call.group, 1, heads))
                .f32(call.scale);
        launch(ofKeys(in[0].dtype(), shape.dim, shape.sums), KEYS_ENTRY, tiles * heads, shape.shared(), a);
    }

    private void addUp(AttentionCall call, DType type, long sums, Operand dq) {
        int tiles = call.padded() / GROUP_ROWS;
        Arguments a = Arguments.begin().pointer(sums);
        dq.packOutput(a);
        a.i32(call.heads).i32(call.n).i32(call.d).i32(tiles).f32(call.scale);
        entry(ofKeys(type, HopperHeads.dim(call.d), true), SUMS_ENTRY)
                .launch(new Engine.Grid((long) tiles * call.heads * call.batch, 1, 1, WARPGROUP, 0), a);
    }

    private void queryGradient(AttentionCall call, Operand[] in, Operand dq, Statistics rows, long seen) {
        int dim = HopperHeads.dim(call.d);
        Arguments a = maps(call, in, QUERIES);
        dq.packOutput(a);
        a.pointer(rows.scaled()).pointer(rows.delta());
        rest(a, call, in, seen);
        int tiles = Math.ceilDiv(call.n, QUERIES);
        int heads = call.heads * call.batch;
        a.i32(tiles).i32(heads);
        a.i32(HopperHeads.section(cuda, call, call.m, call.group, heads)).f32(call.scale);
        launch(
                HopperHeads.variant(QUERY_FILE, in[0].dtype(), dim),
                QUERY_ENTRY,
                tiles * heads,
                querySharedBytes(dim),
                a);
    }

    private Arguments maps(AttentionCall call, Operand[] in, int queries) {
        return Arguments.begin()
                .map(cuda.engine(), HopperHeads.map(call, in[0], call.n, call.heads, queries))
                .map(cuda.engine(), HopperHeads.map(call, in[1], call.m, call.keyHeads, KEYS))
                .map(cuda.engine(), HopperHeads.map(call, in[2], call.m, call.keyHeads, KEYS))
                .map(cuda.engine(), HopperHeads.map(call, in[3], call.n, call.heads, queries));
    }

    private static void rest(Arguments a, AttentionCall call, Operand[] in, long seen) {
        a.pointer(seen).i64(call.words());
        a.i32(call.heads).i32(call.group).i32(call.n).i32(call.m).i32(call.d);
        a.i32(call.mask.causal() ? 1 : 0).i32(call.padded());
        for (Operand o : in) {
            a.i32(HopperHeads.has(o));
        }
    }

    private void launch(Variant variant, String entry, int tiles, int shared, Arguments a) {
        int blocks = Math.min(tiles, cuda.properties().multiprocessors());
        entry(variant, entry).launch(new Engine.Grid(blocks, 1, 1, THREADS, shared), a);
    }

    private Entry entry(Variant variant, String entry) {
        return entries.computeIfAbsent(new Key(variant, entry), k -> new Entry(cuda, k.variant, k.entry));
    }
}
