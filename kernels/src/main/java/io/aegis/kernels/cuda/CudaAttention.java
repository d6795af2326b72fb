package io.aegis.kernels.cuda;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention in one of three ways: up to {@value DecodeAttention#MOST_QUERIES} queries a sequence by {@link DecodeAttention}, whatever
 * the precision, also where keys lie in pages; more of them by {@link MatrixAttention} (or {@link HopperAttention}, {@link HopperAttentionBackward} in its place) where the precision is 16-bit,
 * else by {@link ExactAttention}. Packed sequences go the latter two ways, however few their queries.
 * Views may be F32, BF16 or F16 in any layout. Sums have a fixed order everywhere, unless {@link Hopper#isOrdered} was told otherwise.
 */
final class CudaAttention implements Attention {
    private static final Variant APPEND = Variant.of("attention_append.cu");
    private static final int THREADS = 256;
    private static final long MOST_SEQUENCES = 65535;

    /** What blocks of the devices that there are may have. */
    static final List<Integer> SHARED_KILOBYTES = List.of(99, 163, 227);

    private final Cuda cuda;
    private final Attention host;
    private final Entry append;
    private final RotaryAppend appendTurned;
    private final AttentionCall.Preparation preparation;
    private final MatrixAttention matrix;
    private final ExactAttention exact;
    private final DecodeAttention decode;

    CudaAttention(Cuda cuda, Attention host) {
        this(cuda, host, CudnnAttention.of(cuda));
    }

    /** @param cudnn what is asked before our kernels for matrix units; or null */
    CudaAttention(Cuda cuda, Attention host, CudnnAttention cudnn) {
        this.cuda = cuda;
        this.host = host;
        this.preparation = AttentionCall.Preparation.of(cuda);
        this.matrix = new MatrixAttention(cuda, HopperAttention.of(cuda), HopperAttentionBackward.of(cuda), cudnn);
        this.exact = new ExactAttention(cuda);
        this.decode = new DecodeAttention(cuda);
        this.append = new Entry(cuda, APPEND, "attention_append");
        this.appendTurned = new RotaryAppend(cuda);
    }

    /** What any device may ask for: tiles depend on the shared memory that a block can have. */
    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (int kilobytes : SHARED_KILOBYTES) {
            MatrixAttention.variants(kilobytes << 10).stream()
                    .filter(v -> !all.contains(v))
                    .forEach(all::add);
        }
        all.addAll(HopperAttention.variants());
        all.addAll(HopperAttentionBackward.variants());
        all.addAll(ExactAttention.variants());
        all.addAll(DecodeAttention.variants());
        all.add(AttentionCall.PREPARE);
        all.add(APPEND);
        all.addAll(RotaryAppend.variants());
        return all;
    }

    /** Whether a device with so much shared memory for a block may ask for a variant of {@link #variants}. */
    static boolean isAskedFor(Variant variant, int sharedBytes) {
        boolean sized = variant.file().equals("attention.cu") || variant.file().equals("attention_backward.cu");
        return !sized || MatrixAttention.variants(sharedBytes).contains(variant);
    }

    @Override
    public void forward(View q, View k, View v, double scale, Mask mask, View out, View lse) {
        if (!fits(q, k, v, out) || !fits(mask) || lse != null && !isLse(lse)) {
            host.forward(q, k, v, scale, mask, out, lse);
            return;
        }
        if (out.elements() == 0) {
            return;
        }
        try (AttentionCall call = new AttentionCall(cuda, preparation, q, k, scale, mask)) {
            if (isShort(q)) {
                decode.forward(call, q, k, v, out, lse);
            } else if (isForMatrixUnits(q, scale)) {
                matrix.forward(factors(q), call, q, k, v, out, lse);
            } else {
                exact.forward(call, q, k, v, out, lse);
            }
        }
    }

    @Override
    public void paged(View q, View keys, View values, View table, View lengths, double scale, View out) {
        View queries = q.unsqueeze(2);
        View result = out.unsqueeze(2);
        boolean listed = isList(table) && isList(lengths) && DecodeAttention.isPage(keys.size(2));
        if (!listed || !fits(queries, keys, values, result)) {
            host.paged(q, keys, values, table, lengths, scale, out);
            return;
        }
        if (out.elements() == 0) {
            return;
        }
        try (AttentionCall call = new AttentionCall(cuda, preparation, queries, keys, scale, Mask.NONE)) {
            decode.paged(call, queries, keys, values, table, lengths, result);
        }
    }

    @Override
    public void append(View k, View v, View keys, View values, View table, View lengths) {
        if (!isAppended(k, v, keys, values, table, lengths)) {
            host.append(k, v, keys, values, table, lengths);
            return;
        }
        if (k.elements() == 0) {
            return;
        }
        Arguments a = Arguments.begin();
        for (View rows : List.of(k, v)) {
            a.pointer(cuda.read(rows)).i64(rows.stride(0)).i64(rows.stride(1));
        }
        for (View pages : List.of(keys, values)) {
            a.pointer(cuda.update(pages))
                    .i64(pages.stride(0))
                    .i64(pages.stride(1))
                    .i64(pages.stride(2));
        }
        a.pointer(cuda.read(table)).pointer(cuda.read(lengths)).i64(table.stride(0));
        a.i32((int) k.size(1)).i32((int) k.size(2)).i32(Long.numberOfTrailingZeros(keys.size(2)));
        a.i32(RotaryAppend.code(keys.dtype()));
        long blocks = Math.ceilDiv(k.size(1) * k.size(2), (long) THREADS);
        append.launch(new Engine.Grid(blocks, k.size(0), 2, THREADS, 0), a);
    }

    @Override
    public void appendTurned(
            Token token,
            RotaryEmbedding rotary,
            View keys,
            View values,
            View table,
            View lengths,
            View room,
            View turned) {
        boolean served = token.k().elements() > 0
                && isAppended(token.k(), token.v(), keys, values, table, lengths)
                && RotaryAppend.takes(token, turned);
        if (served) {
            appendTurned.run(token, keys, values, table, lengths, turned);
        } else {
            Attention.super.appendTurned(token, rotary, keys, values, table, lengths, room, turned);
        }
    }

    private static boolean isAppended(View k, View v, View keys, View values, View table, View lengths) {
        return isList(table)
                && isList(lengths)
                && Long.bitCount(keys.size(2)) == 1
                && keys.dtype() == values.dtype()
                && k.dtype() == DType.F32
                && v.dtype() == DType.F32
                && fits(k.unsqueeze(2))
                && fits(keys)
                && areRows(k)
                && areRows(v)
                && areRows(keys)
                && areRows(values)
                && k.size(0) <= MOST_SEQUENCES;
    }

    private static boolean areRows(View v) {
        return v.size(-1) <= 1 || v.stride(-1) == 1;
    }

    @Override
    public void backward(
            View q, View k, View v, double scale, Mask mask, View out, View lse, View dout, View dq, View dk, View dv) {
        if (!fits(q, k, v, out, dout, dq, dk, dv) || !fits(mask) || !isLse(lse)) {
            host.backward(q, k, v, scale, mask, out, lse, dout, dq, dk, dv);
            return;
        }
        if (q.size(0) == 0) {
            return;
        }
        try (AttentionCall call = new AttentionCall(cuda, preparation, q, k, scale, mask)) {
            // After the exact kernel of few queries an exact backward: P then has the rows' sums that lse says.
            if (isShort(q) || !isForMatrixUnits(q, scale)) {
                exact.backward(call, q, k, v, out, lse, dout, dq, dk, dv);
            } else {
                matrix.backward(factors(q), call, q, k, v, out, lse, dout, dq, dk, dv);
            }
        }
    }

    @Override
    public void packed(View q, View k, View v, Sequences sequences, double scale, boolean causal, View out, View lse) {
        Packed p = new Packed(q, k, v, out);
        if (!p.fits(sequences) || lse != null && !isLse(lse)) {
            host.packed(q, k, v, sequences, scale, causal, out, lse);
            return;
        }
        if (out.elements() == 0) {
            return;
        }
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        View sums = lse == null ? null : lse.unsqueeze(0);
        try (AttentionCall call = new AttentionCall(cuda, preparation, p.q, p.k, scale, mask, sequences)) {
            if (isForMatrixUnits(p.q, scale)) {
                matrix.forward(factors(q), call, p.q, p.k, p.v, p.out, sums);
            } else {
                exact.forward(call, p.q, p.k, p.v, p.out, sums);
            }
        }
    }

    @Override
    public void packedBackward(
            View q,
            View k,
            View v,
            Sequences sequences,
            double scale,
            boolean causal,
            View out,
            View lse,
            View dout,
            View dq,
            View dk,
            View dv) {
        Packed p = new Packed(q, k, v, out);
        View g = heads(dout);
        View gq = heads(dq);
        View gk = heads(dk);
        View gv = heads(dv);
        if (!p.fits(sequences) || !isLse(lse) || !fits(p.q, p.k, p.v, g, gq, gk, gv)) {
            host.packedBackward(q, k, v, sequences, scale, causal, out, lse, dout, dq, dk, dv);
            return;
        }
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        View sums = lse.unsqueeze(0);
        try (AttentionCall call = new AttentionCall(cuda, preparation, p.q, p.k, scale, mask, sequences)) {
            if (isForMatrixUnits(p.q, scale)) {
                matrix.backward(factors(q), call, p.q, p.k, p.v, p.out, sums, g, gq, gk, gv);
            } else {
                exact.backward(call, p.q, p.k, p.v, p.out, sums, g, gq, gk, gv);
            }
        }
    }

    /** Operands [T, H, D] as a batch of one, [1, H, T, D]. */
    private record Packed(View q, View k, View v, View out) {
        Packed {
            q = heads(q);
            k = heads(k);
            v = heads(v);
            out = heads(out);
        }

        boolean fits(Sequences sequences) {
            return isList(sequences.queries())
                    && isList(sequences.keys())
                    && CudaAttention.fits(q, k, v, out)
                    && (q.size(2) + 128L * (sequences.count() + 2)) * q.size(1) < 1L << 31;
        }
    }

    private static View heads(View x) {
        return x == null ? null : x.transpose(0, 1).unsqueeze(0);
    }

    private static boolean isShort(View q) {
        return q.size(2) <= DecodeAttention.MOST_QUERIES;
    }

    /** Whether numbers lie side by side. */
    private static boolean isList(View numbers) {
        return numbers.dtype() == DType.I64 && (numbers.size(-1) <= 1 || numbers.stride(-1) == 1);
    }

    private boolean isForMatrixUnits(View q, double scale) {
        return cuda.precision() != Precision.F32
                && q.size(3) <= MatrixAttention.WIDEST
                && scale > 0
                && Double.isFinite(scale);
    }

    /** The 16-bit type that comes in, or else the precision's. */
    private DType factors(View q) {
        return q.dtype() == DType.F32 ? cuda.precision().dtype() : q.dtype();
    }

    /** Packs what every forward kernel has of lse: an address and three strides. */
    static void packLse(Arguments a, View lse, long address) {
        a.pointer(address);
        for (int d = 0; d < 3; d++) {
            a.i64(lse == null ? 0 : lse.stride(d));
        }
    }

    private static boolean fits(View q, View k, View v, View... others) {
        boolean same = k.sameShape(v) && q.size(3) == k.size(3) && k.size(1) > 0 && q.size(3) > 0;
        if (!same || q.size(3) > ExactAttention.WIDEST || !fits(q) || !fits(k) || !fits(v)) {
            return false;
        }
        for (View o : others) {
            if (o != null && !fits(o)) {
                return false;
            }
        }
        return true;
    }

    /** The kernels count rows, and places in rows of lse, in 32 bits. */
    private static boolean fits(View v) {
        boolean type = v.dtype() == DType.F32 || v.dtype() == DType.BF16 || v.dtype() == DType.F16;
        return type && v.elements() < 1L << 31 && v.size(2) < 1L << 30;
    }

    private static boolean fits(Mask mask) {
        return mask.keys() == null || mask.keys().dtype().bytes() == 1;
    }

    private static boolean isLse(View lse) {
        return lse.dtype() == DType.F32;
    }
}
