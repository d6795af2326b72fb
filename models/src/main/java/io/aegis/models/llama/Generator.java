package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.layers.Probe;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Answers prompts, token by token. Each prompt goes through the network on its own; then all take their steps together.
 * An answer has the same bits alone and in a batch. A generator may be used by several threads; what it is given, such as
 * a cache, may not.
 */
public final class Generator {
    /**
     * Rows of a prompt that go through the network together on a processor. What lies between the blocks grows with them (0.2
     * MB a row at Llama-3-8B's size), and the weights are read once for all of them: a thousand rows are enough for products
     * to be bound by arithmetic.
     */
    private static final int ROWS = 1024;

    /** The same on a GPU, which is faster with more, and where an answer's first token should not wait for a second pass. */
    private static final int ROWS_OF_A_GPU = 4096;

    private final LlamaNetwork network;
    private final Supplier<TextStream> streams;
    private final DType dtype;
    private final int rows;

    /**
     * @param streams makes a decoder for each answer
     * @param dtype what the model computes in
     */
    public Generator(LlamaNetwork network, Supplier<TextStream> streams, DType dtype) {
        this(network, streams, dtype, 0);
    }

    /** As above, with so many rows of a prompt together at most; 0 leaves it to the device. */
    Generator(LlamaNetwork network, Supplier<TextStream> streams, DType dtype, int rows) {
        this.network = network;
        this.streams = streams;
        this.dtype = dtype;
        this.rows = rows;
    }

    /**
     * A prompt that has gone through the network, ready to be answered.
     *
     * @param cache the prompt's; the answer is added to it, but for its last token
     * @param logits behind the prompt's last token, V of them
     * @param seen the prompt's tokens, for the repetition penalty; negative ones count as 0
     * @param sample the sequence's identity, for draws
     * @param listener hears of each token
     */
    public record Start(SequenceCache cache, double[] logits, int[] seen, long sample, Consumer<Piece> listener) {}

    /**
     * Takes a piece of a prompt that is not its last into a cache. A long one goes through the network in parts of about equal
     * length, so that memory is bounded; where it is cut depends on its length and the kind of device alone.
     *
     * @param x [1, N, d], N at least 1
     * @param positions I64 [N]
     * @param cancelled asked behind each block
     * @throws CancellationException when it was cancelled; the cache is as before
     */
    public void read(Tensor x, Tensor positions, SequenceCache cache, BooleanSupplier cancelled) {
        read(x, positions, cache, cancelled, h -> {});
    }

    /**
     * As {@link #read}, for the last piece of a prompt, or all of it.
     *
     * @return logits behind the last row, V of them
     */
    public double[] readLast(Tensor x, Tensor positions, SequenceCache cache, BooleanSupplier cancelled) {
        double[][] logits = new double[1][];
        read(x, positions, cache, cancelled, h -> {
            logits[0] = network.logits(h.slice(1, h.size(1) - 1, h.size(1))).toDoubles();
        });
        return logits[0];
    }

    private void read(
            Tensor x, Tensor positions, SequenceCache cache, BooleanSupplier cancelled, Consumer<Tensor> then) {
        Probe watch = (name, value) -> {
            if (isCancelled(cancelled)) {
                throw new CancellationException("cancelled while the prompt was read");
            }
        };
        long length = cache.length();
        long next = cache.nextPosition();
        long n = x.size(1);
        try (Scope around = Scope.open()) {
            long parts = Math.ceilDiv(n, (long) rowsTogether(around.kernels().device()));
            Tape.withoutRecording(() -> {
                for (long part = 0; part < parts; part++) {
                    long from = part * n / parts;
                    long to = (part + 1) * n / parts;
                    try (Scope scope = Scope.open()) {
                        Tensor h = network.hidden(
                                x.slice(1, from, to),
                                positions.slice(0, from, to),
                                AttentionMask.causal(),
                                cache,
                                watch);
                        if (to == n) {
                            then.accept(h);
                        }
                    }
                }
            });
        } catch (RuntimeException | Error e) {
            cache.truncate(length, next);
            throw e;
        }
    }

    private int rowsTogether(Device device) {
        if (rows > 0) {
            return rows;
        }
        return device.kind() == Device.Kind.CPU ? ROWS : ROWS_OF_A_GPU;
    }

    /**
     * Answers prompts of tokens.
     *
     * @param listeners one a prompt, or none at all
     * @param cancelled asked for every token; an interrupted thread is cancelled too
     * @return an answer a prompt, in order
     * @throws IllegalArgumentException when a prompt is empty, or longer than the context
     */
    public List<Generation> answer(
            List<int[]> prompts,
            GenerationOptions options,
            List<Consumer<Piece>> listeners,
            BooleanSupplier cancelled) {
        prompts.forEach(this::check);
        List<KeyValueCache> caches = new ArrayList<>();
        try (Scope scope = Scope.open()) {
            List<Start> starts = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                int[] prompt = prompts.get(i);
                KeyValueCache cache =
                        new KeyValueCache(network.config(), (long) prompt.length + options.maxNewTokens(), dtype);
                caches.add(cache);
                starts.add(new Start(
                        cache,
                        readTokens(prompt, cache, cancelled),
                        prompt,
                        0,
                        listeners.isEmpty() ? piece -> {} : listeners.get(i)));
            }
            return continueFrom(starts, options, cancelled);
        } catch (CancellationException _) {
            return prompts.stream()
                    .map(p -> new Generation(new int[0], "", new double[0], Generation.Ending.CANCELLED))
                    .toList();
        } finally {
            caches.forEach(KeyValueCache::close);
        }
    }

    private void check(int[] prompt) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("an empty prompt cannot be answered");
        }
        if (prompt.length > network.config().context()) {
            throw new IllegalArgumentException(
                    "the prompt has " + prompt.length + " tokens, more than the model's context of "
                            + network.config().context());
        }
    }

    private double[] readTokens(int[] prompt, SequenceCache cache, BooleanSupplier cancelled) {
        try (Scope scope = Scope.open()) {
            long[] ids = Arrays.stream(prompt).asLongStream().toArray();
            Tensor x = network.embed(Tensor.of(ids, 1, ids.length));
            return readLast(x, LlamaNetwork.positions(0, ids.length), cache, cancelled);
        }
    }

    /**
     * Answers prompts that have been read.
     *
     * @param cancelled asked for every token; an interrupted thread is cancelled too. What there is by then is the answer,
     *     and says that it was cancelled
     * @return an answer a prompt, in order
     */
    public List<Generation> continueFrom(List<Start> starts, GenerationOptions options, BooleanSupplier cancelled) {
        List<Answer> answers = starts.stream().map(s -> begun(s, options)).toList();
        for (int i = 0; i < answers.size(); i++) {
            if (isCancelled(cancelled)) {
                answers.get(i).cancel();
            } else {
                answers.get(i).choose(starts.get(i).logits());
            }
        }
        try (Decoder decoder = decoder()) {
            List<Answer> active = going(answers);
            while (!active.isEmpty()) {
                if (isCancelled(cancelled)) {
                    active.forEach(Answer::cancel);
                } else {
                    step(decoder, active);
                }
                active = going(active);
            }
        }
        return answers.stream().map(Answer::result).toList();
    }

    /**
     * Answers questions as they come, up to {@code most} of them in one pass a token. Each has options, draws and an end of its
     * own, and the answer that it would get alone, to the bit.
     *
     * @param waiting in the order in which they begin; the next is only asked for when there is room for it
     * @param cancelled asked for every token; an interrupted thread is cancelled too. Those that were begun end as cancelled,
     *     the others are not begun
     * @throws CacheFullException when there is no room for a question even if it is alone
     */
    public void answer(Iterator<? extends Turn> waiting, int most, BooleanSupplier cancelled) {
        new ContinuousBatch(this, waiting, most, cancelled).run();
    }

    Answer begun(Start start, GenerationOptions options) {
        return new Answer(start, options, streams.get(), network.config().context());
    }

    private static List<Answer> going(List<Answer> answers) {
        return answers.stream().filter(a -> !a.hasEnded()).toList();
    }

    Decoder decoder() {
        return new Decoder(network);
    }

    /** The next token of each. */
    static void step(Decoder decoder, List<Answer> active) {
        long[] ids = active.stream().mapToLong(Answer::last).toArray();
        List<SequenceCache> caches = active.stream().map(Answer::cache).toList();
        List<Decoder.Next> next = decoder.step(ids, caches, i -> active.get(i).isGreedy());
        for (int i = 0; i < ids.length; i++) {
            Decoder.Next n = next.get(i);
            if (n.likeliest() != null) {
                active.get(i).accept(n.likeliest());
            } else {
                active.get(i).choose(n.logits());
            }
        }
    }

    static boolean isCancelled(BooleanSupplier cancelled) {
        return cancelled.getAsBoolean() || Thread.currentThread().isInterrupted();
    }
}
