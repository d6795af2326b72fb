package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.List;
import java.util.function.Consumer;

/**
 * Attention of one query a sequence over bfloat16 keys and values that are there already; other ones at every call, of more
 * bytes than any cache.
 *
 * @param keyHeads of the cache; a divisor of the heads of the query
 * @param all bytes of keys and values that calls walk through
 */
public record CacheWork(long batch, long heads, long keyHeads, long tokens, long size, long all) implements KernelWork {
    @Override
    public String name() {
        return "decode attention bf16, " + keyHeads + " key heads of " + heads + ", " + tokens + " tokens, batch "
                + batch;
    }

    @Override
    public Unit unit() {
        return Unit.GIGABYTES;
    }

    /** Keys and values, once. */
    @Override
    public double amount() {
        return 2.0 * DType.BF16.bytes() * batch * keyHeads * tokens * size;
    }

    /** How many caches the calls take in turn. */
    int caches() {
        return (int) Math.max(1, Math.ceil(all / amount()));
    }

    @Override
    public Call call(Operands make) {
        return new Call(inTurn(make), List.of());
    }

    private Consumer<Kernels> inTurn(Operands make) {
        View q = make.normal(DType.BF16, batch, heads, 1, size);
        View o = make.empty(DType.F32, batch, heads, 1, size);
        View[][] caches = new View[caches()][];
        for (int i = 0; i < caches.length; i++) {
            caches[i] = new View[] {
                make.normal(DType.BF16, batch, keyHeads, tokens, size),
                make.normal(DType.BF16, batch, keyHeads, tokens, size)
            };
        }
        int[] turn = new int[1];
        double scale = 1 / Math.sqrt(size);
        return kernels -> {
            View[] cache = caches[turn[0]++ % caches.length];
            kernels.attention().forward(q, cache[0], cache[1], scale, Attention.Mask.NONE, o, null);
        };
    }
}
