package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.List;
import java.util.function.Consumer;

/**
 * Attention of bfloat16 queries, keys and values [B, N, H, D] as a projection leaves them.
 *
 * @param backward the way back, from a forward pass that is not timed
 */
public record AttentionWork(long batch, long heads, long tokens, long size, boolean causal, boolean backward)
        implements KernelWork {
    private static final double FORWARD = 4;
    private static final double BACKWARD = 10;

    @Override
    public String name() {
        return (backward ? "attention backward" : "attention") + " bf16, head " + size + ", " + tokens + " tokens, "
                + batch + " x " + heads + " heads" + (causal ? ", causal" : "");
    }

    @Override
    public Unit unit() {
        return Unit.TERAFLOPS;
    }

    /** Useful ones: those of the true head size, half of them under a causal mask, nothing computed twice. */
    @Override
    public double amount() {
        double products = backward ? BACKWARD : FORWARD;
        return products * batch * heads * tokens * tokens * size * (causal ? 0.5 : 1);
    }

    private record Heads(View q, View k, View v, View o) {}

    private View one(Operands make) {
        return make.normal(DType.BF16, batch, tokens, heads, size).permute(0, 2, 1, 3);
    }

    private Heads heads(Operands make) {
        return new Heads(one(make), one(make), one(make), one(make));
    }

    @Override
    public Call call(Operands make) {
        Heads x = heads(make);
        View lse = make.empty(DType.F32, batch, heads, tokens);
        double scale = 1 / Math.sqrt(size);
        Attention.Mask mask = causal ? Attention.Mask.CAUSAL : Attention.Mask.NONE;
        Consumer<Kernels> forward = k -> k.attention().forward(x.q, x.k, x.v, scale, mask, x.o, lse);
        if (!backward) {
            return new Call(
                    forward,
                    List.of(new Written("O", x.o, ROUNDED), new Written("log-sums of exponentials", lse, EXACT)));
        }
        forward.accept(make.kernels());
        Heads g = heads(make);
        View upstream = one(make);
        return new Call(
                k -> k.attention().backward(x.q, x.k, x.v, scale, mask, x.o, lse, upstream, g.q, g.k, g.v),
                List.of(
                        new Written("dQ", g.q, ROUNDED),
                        new Written("dK", g.k, ROUNDED),
                        new Written("dV", g.v, ROUNDED)));
    }
}
