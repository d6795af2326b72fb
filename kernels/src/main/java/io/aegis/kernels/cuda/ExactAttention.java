package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import io.aegis.kernels.cuda.AttentionCall.Statistics;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** attention_f32.cu: float32 throughout, heads of up to 256 columns. */
final class ExactAttention {
    /** The widest head. */
    static final int WIDEST = 256;

    private static final int[] DIMS = {64, 128, WIDEST};
    private static final int FORWARD = 0;
    private static final int QUERY_GRADIENT = 1;
    private static final int KEY_GRADIENTS = 2;
    private static final int TILE = 64;
    private static final int THREADS = 256;

    private final Cuda cuda;
    /** By columns, then by kernel. */
    private final Entry[][] entries = new Entry[DIMS.length][];
    /** The same of packed sequences. */
    private final Entry[][] packed = new Entry[DIMS.length][];

    ExactAttention(Cuda cuda) {
        this.cuda = cuda;
        Arrays.setAll(entries, i -> entries(variant(DIMS[i]), ""));
        Arrays.setAll(packed, i -> entries(packed(DIMS[i]), "_packed"));
    }

    private Entry[] entries(Variant variant, String ending) {
        return Stream.of("attention_forward_f32", "attention_query_gradient_f32", "attention_key_gradients_f32")
                .map(name -> new Entry(cuda, variant, name + ending))
                .toArray(Entry[]::new);
    }

    static List<Variant> variants() {
        return Arrays.stream(DIMS)
                .boxed()
                .flatMap(dim -> Stream.of(variant(dim), packed(dim)))
                .toList();
    }

    private static Variant variant(int dim) {
        return Variant.of("attention_f32.cu").with("DIM", dim);
    }

    private static Variant packed(int dim) {
        return variant(dim).with("PACKED", 1);
    }

    void forward(AttentionCall call, View q, View k, View v, View out, View lse) {
        Operand[] in = {call.read(q, DType.F32), call.read(k, DType.F32), call.read(v, DType.F32)};
        Operand result = call.write(out, DType.F32);
        call.prepare();
        Operand[] all = {in[0], in[1], in[2], result, Operand.NONE, Operand.NONE, Operand.NONE, Operand.NONE};
        launch(call, FORWARD, all, lse, cuda.writeOrNull(lse), new Statistics(0, 0), call.seen());
    }

    void backward(
            AttentionCall call, View q, View k, View v, View out, View lse, View dout, View dq, View dk, View dv) {
        Operand[] in = {
            call.read(q, DType.F32), call.read(k, DType.F32), call.read(v, DType.F32), call.read(dout, DType.F32)
        };
        Operand[] to = {call.write(dq, DType.F32), call.write(dk, DType.F32), call.write(dv, DType.F32)};
        call.prepare();
        long seen = call.seen();
        Statistics rows = call.delta(out, in[3], lse, 1);
        Operand[] all = {in[0], in[1], in[2], Operand.NONE, in[3], to[0], to[1], to[2]};
        if ((dk != null || dv != null) && call.m > 0) {
            launch(call, KEY_GRADIENTS, all, null, 0, rows, seen);
        }
        if (dq != null && call.n > 0) {
            launch(call, QUERY_GRADIENT, all, null, 0, rows, seen);
        }
    }

    private void launch(
            AttentionCall call, int kernel, Operand[] all, View lse, long sums, Statistics rows, long seen) {
        Arguments a = Arguments.begin();
        for (Operand o : all) {
            o.packRows(a);
        }
        CudaAttention.packLse(a, lse, sums);
        a.pointer(rows.scaled()).pointer(rows.delta()).pointer(seen);
        a.i32(call.words())
                .i32(call.heads)
                .i32(call.group)
                .i32(call.n)
                .i32(call.m)
                .i32(call.d);
        a.i32(call.mask.causal() ? 1 : 0).i32(call.padded()).f32(call.scale);
        boolean byKeys = kernel == KEY_GRADIENTS;
        long tiles = call.blocks(byKeys ? call.m : call.n, TILE);
        long blocks = tiles * (byKeys ? call.keyHeads : call.heads) * call.batch;
        Entry[][] some = call.sequences == null ? entries : packed;
        some[call.d <= 64 ? 0 : call.d <= 128 ? 1 : 2][kernel].launch(
                Engine.Grid.of(blocks, THREADS), call.packSequences(a));
    }
}
