package io.aegis.models.llama;

import io.aegis.layers.Embedding;
import io.aegis.layers.Init;
import io.aegis.layers.Linear;
import io.aegis.layers.Lora;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.layers.RmsNorm;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The graph of Llama. From token ids it goes {@link #embed}, {@link #hidden}, {@link #logits}; whoever has rows of another
 * origin, such as a picture's, puts them between the first two. A probe sees {@code layer_out.{i}} behind each block.
 *
 * <p>Every row of a batch may be padded on either side: the mask says which keys exist, the positions where the others
 * are. What comes out at padding means nothing.
 *
 * <p>Or sequences of several lengths lie one behind the other in a batch of one, and nothing is computed for padding: the mask is {@link
 * AttentionMask#packed}, positions begin anew with each sequence, and in a loss the label of each one's first token is {@link #IGNORED},
 * since the row before it is another's.
 */
public final class LlamaNetwork {
    /** A label that no loss looks at. */
    public static final long IGNORED = -100;

    /** Of matrices that begin at random, as published. */
    static final Init INIT = new Init.Normal(0.02);

    private final LlamaConfig config;
    private final Rotary rotary;
    private final Embedding embedding;
    private final List<LlamaBlock> blocks = new ArrayList<>();
    private final RmsNorm norm;
    private final Linear head;

    /** What each block reads that may be trained: its own parameters, and those of adapters. */
    private final List<List<Parameter>> read = new ArrayList<>();

    private final List<Parameter> own;

    /** Declares all parameters; the output matrix only when it is not tied. */
    public LlamaNetwork(Parameters p, LlamaConfig config) {
        this.config = config;
        rotary = new Rotary(config.headSize(), config.theta(), config.scaling());
        int before = p.all().size();
        embedding = new Embedding(p.at("embed_tokens"), config.vocabulary(), config.hidden(), INIT);
        for (int i = 0; i < config.layers(); i++) {
            int from = p.all().size();
            blocks.add(new LlamaBlock(p, config, i));
            read.add(new ArrayList<>(declaredSince(p, from)));
        }
        norm = new RmsNorm(p.at("norm"), config.hidden(), config.eps());
        head = config.tied() ? null : new Linear(p.at("lm_head"), config.hidden(), config.vocabulary(), INIT, null);
        own = declaredSince(p, before);
    }

    private static List<Parameter> declaredSince(Parameters p, int before) {
        return List.copyOf(new ArrayList<>(p.all()).subList(before, p.all().size()));
    }

    public LlamaConfig config() {
        return config;
    }

    /** Excludes all of the network's own parameters from training, before they are filled; adapters are trained beside. */
    public LlamaNetwork frozen() {
        own.forEach(Parameter::frozen);
        return this;
    }

    /** Which linears an adapter wants, and what it brings for each. */
    @FunctionalInterface
    public interface Adapters {
        /**
         * The adapter of one linear; it declares its parameters in this call.
         *
         * @param module its name, such as {@code layers.0.self_attn.q_proj}
         * @param site which linear of the model this is, for dropout
         * @return null for none
         */
        Lora of(String module, long in, long out, long site);
    }

    /**
     * Gives every linear of every block an adapter, in place of what it carried; not while the network is in use.
     *
     * @param p where the adapters declare their parameters; it may be filled afterwards
     */
    public void adapt(Parameters p, Adapters adapters) {
        long site = 0;
        for (int i = 0; i < blocks.size(); i++) {
            int from = p.all().size();
            for (Projection projection : blocks.get(i).projections()) {
                projection.carry(adapters.of(projection.module(), projection.in(), projection.out(), site++));
            }
            read.get(i).addAll(declaredSince(p, from));
        }
    }

    /** Positions from..from + n - 1, I64 [n], in the current scope. */
    public static Tensor positions(long from, long n) {
        return Tensor.of(LongStream.range(from, from + n).toArray(), n);
    }

    /** Rows of the embedding: I64 of any shape to [..., d]. */
    public Tensor embed(Tensor ids) {
        return embedding.of(ids);
    }

    /**
     * The blocks and the last norm, for looking at or answering.
     *
     * @param x [B, N, d]
     * @param positions I64 [N] or [B, N]
     * @param mask of the N tokens among themselves; with a cache it is over all tokens in it and these
     * @param cache of the one sequence that x continues (B = 1), which takes these tokens in; or null. No gradient reaches
     *     what is cached
     * @return [B, N, d]
     */
    public Tensor hidden(Tensor x, Tensor positions, AttentionMask mask, SequenceCache cache, Probe probe) {
        if (cache == null) {
            return run(x, new Flow(rotary.at(positions), mask, List.of(), Pass.EVALUATION, false, null), 0, probe);
        }
        if (x.size(0) != 1) {
            throw new IllegalArgumentException("a cache belongs to one sequence, given " + x.size(0));
        }
        long n = x.size(1);
        cache.reserve(n);
        Flow flow = new Flow(rotary.at(positions), mask, List.of(cache), Pass.EVALUATION, false, null);
        Tensor out = run(x, flow, 0, probe);
        cache.advance(n, positions.view().getLongAt(positions.view().position(n - 1)) + 1);
        return out;
    }

    /**
     * As {@link #hidden}, for training.
     *
     * @param pass dropout of the adapters
     * @param checkpointed keep only what goes into each block, and compute the block again in the backward pass
     */
    public Tensor hidden(Tensor x, Tensor positions, AttentionMask mask, Pass pass, boolean checkpointed) {
        return hidden(x, positions, mask, pass, checkpointed ? config.layers() : 0, Probe.NONE);
    }

    /**
     * As above, for the first few blocks.
     *
     * @param checkpointed how many blocks are computed again
     */
    public Tensor hidden(Tensor x, Tensor positions, AttentionMask mask, Pass pass, int checkpointed, Probe probe) {
        return run(x, new Flow(rotary.at(positions), mask, List.of(), pass, false, null), checkpointed, probe);
    }

    /**
     * The next token of several sequences, each behind its cache and at its next position; a sequence gets the same bits
     * whatever is beside it.
     *
     * @param x [B, 1, d]
     * @return [B, 1, d]
     */
    public Tensor step(Tensor x, List<? extends SequenceCache> caches) {
        if (x.size(0) != caches.size() || x.size(1) != 1) {
            throw new IllegalArgumentException(
                    "one token a sequence, given " + x + " and " + caches.size() + " caches");
        }
        caches.forEach(c -> c.reserve(1));
        long[] next = caches.stream().mapToLong(SequenceCache::nextPosition).toArray();
        Rotary.Angles angles = rotary.at(Tensor.of(next, next.length, 1));
        Flow flow = new Flow(
                angles, AttentionMask.causal(), List.copyOf(caches), Pass.EVALUATION, true, PageTable.of(caches));
        Tensor out = run(x, flow, 0, Probe.NONE);
        for (int i = 0; i < next.length; i++) {
            caches.get(i).advance(1, next[i] + 1);
        }
        return out;
    }

    /** Logits of one token of each sequence, with the bits that it has alone: ids I64 [B, 1] to [B, 1, V]. */
    Tensor logitsOfTokens(Tensor ids, Flow flow) {
        return logitsOfRows(run(embed(ids), flow, 0, Probe.NONE));
    }

    Rotary rotary() {
        return rotary;
    }

    private Tensor run(Tensor x, Flow flow, int checkpointed, Probe probe) {
        Tensor h = x;
        for (int i = 0; i < blocks.size(); i++) {
            LlamaBlock block = blocks.get(i);
            Tensor before = h;
            try (Scope scope = Scope.open()) {
                h = i < checkpointed
                        ? Ops.checkpoint(in -> block.of(in[0], flow), new Tensor[] {before}, trained(read.get(i)))
                        : block.of(before, flow);
                scope.keep(h);
            }
            if (before != x) {
                Scope.current().release(before);
            }
            probe.see("layer_out." + i, h);
        }
        return norm.of(h);
    }

    private static List<Tensor> trained(List<Parameter> parameters) {
        return parameters.stream()
                .filter(Parameter::isTrainable)
                .map(Parameter::tensor)
                .toList();
    }

    /** Scores of every token of the vocabulary as the next: [..., d] to [..., V]. */
    public Tensor logits(Tensor hidden) {
        return head == null ? embedding.scores(hidden) : head.of(hidden);
    }

    /** As {@link #logits}, each row with the bits that it would have alone. */
    public Tensor logitsOfRows(Tensor hidden) {
        return head == null ? embedding.scoresOfRows(hidden) : head.ofRows(hidden);
    }

    /**
     * Mean cross-entropy of the next token; logits are computed only where a label asks for them.
     *
     * @param hidden [B, N, d]
     * @param labels I64 [B, N]: what each token is, or {@link #IGNORED}; the hidden state before it answers
     * @return [1]
     * @throws IllegalArgumentException when every label is ignored
     */
    public Tensor loss(Tensor hidden, Tensor labels) {
        long b = hidden.size(0);
        long n = hidden.size(1);
        List<Long> rows = new ArrayList<>();
        List<Long> targets = new ArrayList<>();
        for (long i = 0; i < b; i++) {
            for (long j = 1; j < n; j++) {
                long label = labels.view().getLong(i, j);
                if (label != IGNORED) {
                    rows.add(i * n + j - 1);
                    targets.add(label);
                }
            }
        }
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("no label of " + b + " sequences is to be learned");
        }
        Tensor wanted = Ops.gather(hidden.reshape(b * n, config.hidden()), index(rows));
        return loss(wanted, targets.stream().mapToLong(Long::longValue).toArray());
    }

    /**
     * Mean cross-entropy of the token behind each row.
     *
     * @param hidden [n, d], of those rows only
     * @param targets n tokens, at least one
     * @return [1]
     */
    public Tensor loss(Tensor hidden, long[] targets) {
        return vocabularyLoss(VocabularyLoss.rows(config.vocabulary())).of(hidden, targets);
    }

    VocabularyLoss vocabularyLoss(int rows) {
        return new VocabularyLoss(this::logits, head == null ? embedding.weight() : head.weight(), rows);
    }

    private static Tensor index(List<Long> values) {
        return Tensor.of(values.stream().mapToLong(Long::longValue).toArray(), values.size());
    }
}
