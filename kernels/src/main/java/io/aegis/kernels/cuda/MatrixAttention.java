package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import io.aegis.kernels.cuda.AttentionCall.Statistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * attention.cu and attention_backward.cu: 16-bit factors on the matrix units, heads of up to 128 columns, in blocks that fit
 * the device. In the way of {@link HopperAttention} and {@link HopperAttentionBackward} where those may be taken and cover the call. Packed
 * sequences are these kernels' own on every device: the copy engine of 9.0 knows a tensor's end, but not where in it a sequence's is.
 */
final class MatrixAttention {
    /** The widest head. */
    static final int WIDEST = 128;

    private static final String FORWARD = "attention.cu";
    private static final String BACKWARD = "attention_backward.cu";
    private static final String NOT_FINITE = "attention_not_finite.cu";
    private static final String BACKWARD_NOT_FINITE = "attention_backward_not_finite.cu";
    private static final String ATTENTION = "attention_forward";
    private static final String KEY_GRADIENTS = "attention_key_gradients";
    private static final String QUERY_GRADIENT = "attention_query_gradient";
    /** Of kernels that know packed sequences, and of their names. */
    private static final String PACKED = "PACKED";

    private static final String OF_PACKED = "_packed";
    private static final int[] DIMS = {64, 80, 96, 128};
    private static final int WARP = 32;
    private static final int QUERIES = 128;
    private static final int KEYS = 64;

    private final Cuda cuda;
    private final HopperAttention hopper;
    private final HopperAttentionBackward hopperBackward;
    private final CudnnAttention cudnn;
    /** By type and columns, as they are first asked for. */
    private final Map<Shape, Kernels> kernels = new ConcurrentHashMap<>();

    /** Each but the first may be null, for none. */
    MatrixAttention(Cuda cuda, HopperAttention hopper, HopperAttentionBackward hopperBackward, CudnnAttention cudnn) {
        this.cuda = cuda;
        this.cudnn = cudnn;
        this.hopper = hopper;
        this.hopperBackward = hopperBackward;
    }

    private record Shape(DType type, int dim, boolean packed) {
        static List<Shape> all() {
            List<Shape> all = new ArrayList<>();
            for (DType type : List.of(DType.BF16, DType.F16)) {
                for (int dim : DIMS) {
                    all.add(new Shape(type, dim, false));
                    all.add(new Shape(type, dim, true));
                }
            }
            return all;
        }

        String name(String entry) {
            return packed ? entry + OF_PACKED : entry;
        }

        Variant variant(String file) {
            Variant variant = Variant.of(file)
                    .with("TYPE", type == DType.BF16 ? "bf16" : "f16")
                    .with("DIM", dim);
            return packed ? variant.with(PACKED, 1) : variant;
        }

        /** Of kernels that take heads of any width. */
        Variant widest(String file) {
            return new Shape(type, WIDEST, packed).variant(file);
        }
    }

    private record Kernels(
            Forward forward,
            Entry attention,
            Entry notFinite,
            Backward backward,
            Entry keyGradients,
            Entry queryGradient,
            Entry backwardNotFinite) {
        static Kernels of(Cuda cuda, Shape shape) {
            int sharedBytes = cuda.properties().sharedBytes();
            Forward forward = Forward.of(shape, sharedBytes);
            Backward backward = Backward.of(shape, sharedBytes);
            return new Kernels(
                    forward,
                    new Entry(cuda, forward.variant, shape.name(ATTENTION)),
                    new Entry(cuda, shape.widest(NOT_FINITE), shape.name("attention_not_finite")),
                    backward,
                    new Entry(cuda, backward.variant, shape.name(KEY_GRADIENTS)),
                    new Entry(cuda, backward.variant, shape.name(QUERY_GRADIENT)),
                    new Entry(cuda, shape.widest(BACKWARD_NOT_FINITE), shape.name("attention_backward_not_finite")));
        }
    }

    private Kernels kernels(DType type, AttentionCall call) {
        return kernels.computeIfAbsent(
                new Shape(type, dim(call.d), call.sequences != null), shape -> Kernels.of(cuda, shape));
    }

    /** What a device with so many bytes of shared memory for a block may ask for. */
    static List<Variant> variants(int sharedBytes) {
        List<Variant> all = new ArrayList<>();
        for (Shape shape : Shape.all()) {
            if (shape.dim == WIDEST) {
                all.add(shape.variant(NOT_FINITE));
                all.add(shape.variant(BACKWARD_NOT_FINITE));
            }
            all.add(Forward.of(shape, sharedBytes).variant());
            all.add(Backward.of(shape, sharedBytes).variant());
        }
        return all;
    }

    /** Dynamic shared memory of what {@link #variants} gives. */
    static void shared(int sharedBytes, DynamicShared out) {
        for (Shape shape : Shape.all()) {
            Forward f = Forward.of(shape, sharedBytes);
            Backward b = Backward.of(shape, sharedBytes);
            out.of(f.variant, shape.name(ATTENTION), f.shared);
            out.of(b.variant, shape.name(KEY_GRADIENTS), b.keyShared);
            out.of(b.variant, shape.name(QUERY_GRADIENT), b.queryShared);
        }
    }

    /** Columns of a row in shared memory. */
    private static int dim(int d) {
        for (int dim : DIMS) {
            if (d <= dim) {
                return dim;
            }
        }
        throw new IllegalArgumentException("a head of " + d + " columns, at most " + WIDEST);
    }

    /** Bytes from row to row in shared memory. */
    private static int pitch(int dim) {
        return 2 * dim + 16;
    }

    /** Whether two such blocks are on a multiprocessor at once; each takes 1 KB more than it asks for. */
    private static boolean two(int bytes, int sharedBytes) {
        return 2 * (bytes + 1024) <= sharedBytes + 1024;
    }

    private record Forward(Variant variant, int threads, int shared) {
        /** Packed sequences' sizes lie in registers: with rows of 96 columns and more those are too few for 32 rows of a warp besides. */
        static Forward of(Shape shape, int sharedBytes) {
            int dim = shape.dim;
            int stages = 4 * KEYS * pitch(dim);
            int wide = dim == 64 ? stages : stages + QUERIES * pitch(dim);
            int rows = two(wide, sharedBytes) && !(shape.packed && dim > 80) ? 32 : 16;
            return new Forward(
                    shape.variant(FORWARD).with("ROWS", rows), QUERIES / rows * WARP, rows == 32 ? wide : stages);
        }
    }

    /** Of the gradients of keys and values, then of the gradient of queries. */
    private record Backward(
            Variant variant, int keys, int keyThreads, int keyShared, int queryThreads, int queryShared) {
        /** As {@link Forward}: packed, blocks of rows of 128 columns are those for little shared memory, which hold fewer sums. */
        static Backward of(Shape shape, int sharedBytes) {
            int dim = shape.dim;
            int stageKeys = dim == 128 ? 32 : 64;
            int wide = (4 * stageKeys + 2 * QUERIES) * pitch(dim);
            boolean roomy = dim == 64 || two(wide, sharedBytes) && !(shape.packed && dim == 128);
            int keys = roomy || dim == 80 ? 128 : 64;
            int queries = keys / 2;
            return new Backward(
                    shape.variant(BACKWARD).with("ROOMY", roomy ? 1 : 0),
                    keys,
                    keys / (dim == 64 ? 32 : 16) * WARP,
                    (2 * keys + 4 * queries) * pitch(dim) + 16 * queries,
                    roomy ? 4 * WARP : 8 * WARP,
                    roomy ? wide : 4 * 64 * pitch(dim));
        }
    }

    void forward(DType type, AttentionCall call, View q, View k, View v, View out, View lse) {
        Operand queries = call.read(q, type);
        Operand keys = call.read(k, type);
        Operand values = call.read(v, type);
        call.prepare();
        boolean packed = call.sequences != null;
        Operand theirs = cudnn == null || packed ? null : cudnn.forward(call, queries, keys, values, out, lse);
        Operand result = theirs == null ? call.write(out, type) : theirs;
        long seen = call.seen();
        long sums = cuda.writeOrNull(lse);
        Kernels chosen = kernels(type, call);
        if (theirs == null && hopper != null && !packed && hopper.takes(call, queries, keys, values)) {
            hopper.forward(call, queries, keys, values, result, lse, sums, seen);
        } else if (theirs == null) {
            Forward f = chosen.forward;
            chosen.attention.launch(
                    grid(call.blocks(call.n, QUERIES) * call.heads * call.batch, f.threads, f.shared),
                    forward(call, queries, keys, values, result, lse, sums, seen));
        }
        if (call.mask.causal() && call.n > 1 && call.m > 0) {
            chosen.notFinite.launch(
                    grid(call.blocks(call.n, QUERIES) * call.heads * call.batch, 4 * WARP, 0),
                    forward(call, queries, keys, values, result, lse, sums, seen));
        }
    }

    private static Arguments forward(
            AttentionCall call,
            Operand queries,
            Operand keys,
            Operand values,
            Operand result,
            View lse,
            long sums,
            long seen) {
        Arguments a = Arguments.begin();
        queries.packRows(a);
        keys.packRows(a);
        values.packRows(a);
        result.packOutput(a);
        CudaAttention.packLse(a, lse, sums);
        a.pointer(seen).i64(call.words());
        a.i32(call.heads).i32(call.group).i32(call.n).i32(call.m).i32(call.d);
        return call.packSequences(a.i32(call.mask.causal() ? 1 : 0).f32(call.scale));
    }

    void backward(
            DType type,
            AttentionCall call,
            View q,
            View k,
            View v,
            View out,
            View lse,
            View dout,
            View dq,
            View dk,
            View dv) {
        Operand[] in = {call.read(q, type), call.read(k, type), call.read(v, type), call.read(dout, type)};
        boolean packed = call.sequences != null;
        boolean tries = cudnn != null && !packed && cudnn.tries(call);
        Operand o = tries ? call.read(out, type) : Operand.NONE;
        call.prepare();
        if (tries && cudnn.backward(call, new Operand[] {in[0], in[1], in[2], in[3], o}, lse, dq, dk, dv)) {
            return;
        }
        Operand[] to = {call.write(dq, type), call.write(dk, type), call.write(dv, type)};
        long seen = call.seen();
        Statistics rows = call.delta(out, in[3], lse, 1 / Math.log(2));
        Kernels chosen = kernels(type, call);
        Backward f = chosen.backward;
        boolean ofKeys = (dk != null || dv != null) && call.m > 0;
        boolean ofQueries = dq != null && call.n > 0;
        long queryBlocks = ofQueries ? call.blocks(call.n, QUERIES) * call.heads * call.batch : 0;
        if (hopperBackward != null && !packed && hopperBackward.takes(call, in)) {
            hopperBackward.backward(call, in, to, rows, seen);
        } else {
            if (ofKeys) {
                Arguments a = call.packSequences(arguments(call, in, to, rows, seen));
                long blocks = call.blocks(call.m, f.keys) * call.keyHeads * call.batch;
                chosen.keyGradients.launch(grid(blocks, f.keyThreads, f.keyShared), a);
            }
            if (ofQueries) {
                Arguments a = call.packSequences(arguments(call, in, to, rows, seen));
                chosen.queryGradient.launch(grid(queryBlocks, f.queryThreads, f.queryShared), a);
            }
        }
        if (call.mask.causal() && call.n > 1 && call.m > 0 && (ofKeys || ofQueries)) {
            long keyBlocks = ofKeys ? call.blocks(call.m, QUERIES) * call.keyHeads * call.batch : 0;
            Arguments a = call.packSequences(arguments(call, in, to, rows, seen).i32((int) queryBlocks));
            chosen.backwardNotFinite.launch(grid(queryBlocks + keyBlocks, 4 * WARP, 0), a);
        }
    }

    private static Arguments arguments(AttentionCall call, Operand[] in, Operand[] to, Statistics rows, long seen) {
        Arguments a = Arguments.begin();
        for (Operand o : in) {
            o.packRows(a);
        }
        for (Operand o : to) {
            o.packOutput(a);
        }
        a.pointer(rows.scaled()).pointer(rows.delta()).pointer(seen);
        a.i32(call.words())
                .i32(call.heads)
                .i32(call.group)
                .i32(call.n)
                .i32(call.m)
                .i32(call.d);
        return a.i32(call.mask.causal() ? 1 : 0).i32(call.padded()).f32(call.scale);
    }

    private static Engine.Grid grid(long blocks, int threads, int shared) {
        return new Engine.Grid(blocks, 1, 1, threads, shared);
    }
}
