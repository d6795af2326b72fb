package io.aegis.models.llama;

import io.aegis.models.llama.Generation.Ending;
import java.util.Arrays;
import java.util.function.Consumer;

/** One sequence while it is being answered. */
final class Answer {
    private final GenerationOptions options;
    private final long context;
    private final SequenceCache cache;
    private final Sampler sampler;
    private final TextStream stream;
    private final StopStrings stops;
    private final Consumer<Piece> listener;
    private final StringBuilder text = new StringBuilder();
    private int[] tokens = new int[16];
    private double[] logProbabilities = new double[16];
    private int count;
    private Ending ending;

    Answer(Generator.Start start, GenerationOptions options, TextStream stream, long context) {
        this.options = options;
        this.context = context;
        this.cache = start.cache();
        this.sampler = new Sampler(options, start.sample());
        this.stream = stream;
        this.stops = new StopStrings(options.stopStrings());
        this.listener = start.listener();
        for (int id : start.seen()) {
            sampler.saw(Math.max(id, 0)); // a picture's place counts as token 0
        }
    }

    boolean hasEnded() {
        return ending != null;
    }

    SequenceCache cache() {
        return cache;
    }

    /** The token to go on from. */
    int last() {
        return tokens[count - 1];
    }

    void cancel() {
        ending = Ending.CANCELLED;
    }

    /** Chooses the next token from the logits of all. */
    void choose(double[] logits) {
        accept(sampler.next(logits, count));
    }

    /** Whether the likeliest token is enough to know. */
    boolean isGreedy() {
        return sampler.isGreedy();
    }

    /** Takes the next token. */
    void accept(Sampler.Choice choice) {
        if (options.stopIds().contains(choice.id())) {
            ending = Ending.STOP_ID;
            String rest = stops.accept(stream.finish()) + stops.rest();
            if (!rest.isEmpty()) {
                show(choice, rest);
            }
            return;
        }
        add(choice);
        String piece = stops.accept(stream.next(choice.id()));
        if (stops.found()) {
            ending = Ending.STOP_STRING;
        } else if (count == options.maxNewTokens() || cache.nextPosition() >= context) {
            ending = count == options.maxNewTokens() ? Ending.LENGTH : Ending.CONTEXT;
            piece += stops.accept(stream.finish()) + stops.rest();
        }
        show(choice, piece);
    }

    private void add(Sampler.Choice choice) {
        if (count == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * count);
            logProbabilities = Arrays.copyOf(logProbabilities, 2 * count);
        }
        tokens[count] = choice.id();
        logProbabilities[count] = choice.logProbability();
        count++;
    }

    private void show(Sampler.Choice choice, String piece) {
        text.append(piece);
        listener.accept(new Piece(choice.id(), piece, choice.logProbability()));
    }

    Generation result() {
        return new Generation(
                Arrays.copyOf(tokens, count), text.toString(), Arrays.copyOf(logProbabilities, count), ending);
    }
}
