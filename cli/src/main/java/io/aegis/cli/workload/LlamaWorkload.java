package io.aegis.cli.workload;

import io.aegis.layers.Probe;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * Reading a prompt and answering it greedily, one token at a time.
 *
 * @param network frozen; nothing may be recording
 */
public record LlamaWorkload(LlamaNetwork network) {
    /** A cache with room for so many tokens. */
    public KeyValueCache cache(int tokens) {
        return new KeyValueCache(config(), tokens);
    }

    private LlamaConfig config() {
        return network.config();
    }

    /** Reads a prompt of any tokens into an empty cache; scores of the token behind it. */
    public double[] read(KeyValueCache cache, int tokens) {
        try (Scope scope = Scope.open()) {
            long[] ids = new long[tokens];
            Arrays.setAll(ids, i -> (7919L * i + 11) % config().vocabulary());
            Tensor h = network.hidden(
                    network.embed(Tensor.of(ids, 1, tokens)),
                    LlamaNetwork.positions(0, tokens),
                    AttentionMask.causal(),
                    cache,
                    Probe.NONE);
            return network.logits(h.slice(1, tokens - 1, tokens)).toDoubles();
        }
    }

    /** Says the likeliest token of these scores; scores of the one behind it. */
    public double[] say(KeyValueCache cache, double[] scores) {
        try (Scope scope = Scope.open()) {
            long[] next = {largest(scores)};
            Tensor h = network.step(network.embed(Tensor.of(next, 1, 1)), List.of(cache));
            return network.logitsOfRows(h).view().toDoubles();
        }
    }

    private static int largest(double[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) {
            best = x[i] > x[best] ? i : best;
        }
        return best;
    }
}
