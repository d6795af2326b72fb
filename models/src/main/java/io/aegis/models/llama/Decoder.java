package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.models.llama.TokenStep.Shape;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Takes answers on, token by token, one of each sequence at a time. On a device a token is one launch of a recorded graph
 * ({@link TokenStep}), and of a sequence that takes the likeliest token no more than that token comes back. A graph is for a number
 * of sequences, in pages of one memory, and for a power of two of pages of the longest; when one is exceeded the next is
 * recorded. Sequences in several pieces of memory, each a {@link KeyValueCache}, take their tokens kernel by kernel. No bit depends on
 * any of this. For one thread at a time.
 */
public final class Decoder implements AutoCloseable {
    /** Graphs that are kept: what comes and goes among the numbers of sequences. */
    private static final int KEPT = 4;

    private final LlamaNetwork network;
    private final boolean record;
    /** In the order of their last use. */
    private final LinkedHashMap<Shape, TokenStep> steps = new LinkedHashMap<>(8, 0.75f, true);

    public Decoder(LlamaNetwork network) {
        this(network, true);
    }

    /** @param record whether to record graphs, where that is possible */
    public Decoder(LlamaNetwork network, boolean record) {
        this.network = network;
        this.record = record;
    }

    /**
     * What the model says of a sequence's next token.
     *
     * @param likeliest as the device chose it; or null
     * @param logits of all tokens, where nobody has chosen; or null
     */
    record Next(Sampler.Choice likeliest, double[] logits) {}

    /** Takes a token in, and says the likeliest one behind it. */
    public int next(int token, SequenceCache cache) {
        Next next = step(new long[] {token}, List.of(cache), i -> true).getFirst();
        return next.likeliest != null ? next.likeliest.id() : Sampler.best(next.logits);
    }

    /**
     * Takes in one token a sequence.
     *
     * @param caches one a token, which take it in
     * @param greedy the sequences that want the likeliest token only, and get that where a device can choose it
     */
    List<Next> step(long[] ids, List<? extends SequenceCache> caches, IntPredicate greedy) {
        List<Next> all = new ArrayList<>();
        Tape.withoutRecording(() -> {
            try (Scope scope = Scope.open()) {
                caches.forEach(c -> c.reserve(1));
                Kernels kernels = scope.kernels();
                Paging paging = kernels.memory() == null ? null : Paging.of(caches);
                if (paging == null) {
                    stepByKernels(kernels, ids, caches, greedy, all);
                } else {
                    boolean scored = !allGreedy(ids.length, greedy);
                    TokenStep step =
                            step(paging, new Shape(kernels, paging.memory(), ids.length, room(caches), scored));
                    step.run(ids, caches, record);
                    for (int i = 0; i < ids.length; i++) {
                        all.add(greedy.test(i) ? new Next(step.likeliest(i), null) : new Next(null, step.logits(i)));
                    }
                }
            }
        });
        return all;
    }

    private static boolean allGreedy(int count, IntPredicate greedy) {
        boolean all = true;
        for (int i = 0; i < count; i++) {
            all &= greedy.test(i);
        }
        return all;
    }

    /** Pages of the longest sequence with its new token, up to a power of two. */
    private static int room(List<? extends SequenceCache> caches) {
        int most = 1;
        for (SequenceCache cache : caches) {
            most = Math.max(most, PagePool.pagesOf(cache.length() + 1));
        }
        return most == 1 ? 1 : Integer.highestOneBit(most - 1) << 1;
    }

    private TokenStep step(Paging paging, Shape shape) {
        TokenStep step = steps.get(shape);
        if (step == null) {
            if (steps.size() == KEPT) {
                steps.pollFirstEntry().getValue().close();
            }
            step = new TokenStep(network, paging, shape);
            steps.put(shape, step);
        }
        return step;
    }

    private void stepByKernels(
            Kernels kernels, long[] ids, List<? extends SequenceCache> caches, IntPredicate greedy, List<Next> all) {
        Tensor x = network.embed(Tensor.of(ids, ids.length, 1));
        View logits = network.logitsOfRows(network.step(x, caches)).view().select(1, 0);
        View tokens = null;
        View shares = null;
        if (kernels.memory() != null) { // as a graph chooses
            tokens = Tensor.empty(DType.I64, ids.length).view();
            shares = Tensor.empty(DType.F64, ids.length).view();
            kernels.reduction().likeliest(logits, tokens, shares);
        }
        for (int i = 0; i < ids.length; i++) {
            all.add(
                    tokens != null && greedy.test(i)
                            ? new Next(Sampler.Choice.of(tokens.getLong(i), shares.get(i)), null)
                            : new Next(null, logits.select(0, i).toDoubles()));
        }
    }

    /** Gives back the memory of its graphs. */
    @Override
    public void close() {
        steps.values().forEach(TokenStep::close);
        steps.clear();
    }
}
