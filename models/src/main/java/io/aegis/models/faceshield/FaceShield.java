package io.aegis.models.faceshield;

import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.PagePool;
import io.aegis.models.llama.TextStream;
import io.aegis.tensor.Tape;
import io.aegis.tokenizer.TokenStream;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * A FaceShield, ready to judge faces and to talk about them.
 *
 * <pre>{@code
 * try (FaceShield shield = FaceShield.load(Path.of("faceshield-8b"))) {
 *     Verdict verdict = shield.analyze(image);
 *     shield.ask(image, "Why is the face in the image real or spoof ?", System.out::print);
 * }
 * }</pre>
 *
 * <p>It does not change once loaded and may be used by any number of threads at once. Its weights are mapped, not read:
 * the files must stay as they are until it is closed. {@link #close} ends answers that are being made, by an {@link
 * IllegalStateException} in the thread that asked, waits for those threads, and frees the memory; any use afterwards is
 * the same exception.
 */
public final class FaceShield implements AutoCloseable {
    /** Pictures whose answers are made together: each holds what the language model has read of it. */
    private static final int BATCH = 4;

    private final Path folder;
    private final FaceShieldConfig config;
    private final Optional<DecisionThreshold> threshold;
    private final Tokenizer tokenizer;
    private final PromptText prompts;
    private final PromptLengths lengths;
    private final GenerationOptions generation;
    private final FaceShieldNetwork network;
    private final Generator generator;
    private final Preamble preamble;
    private final Leases leases;

    private FaceShield(OpenedModel model) {
        folder = model.folder();
        config = model.network().config();
        threshold = model.threshold();
        tokenizer = model.tokenizer();
        network = model.network();
        prompts = new PromptText(
                tokenizer, model.template(), config.options().streams().slots());
        lengths = new PromptLengths(config, prompts);
        generation = FaceShieldFolder.generation(folder, model.template(), tokenizer);
        generator = new Generator(network.language(), this::stream, DType.F32);
        preamble = new Preamble(config, generator);
        leases = new Leases(folder + ": this model was closed", () -> {
            preamble.close();
            model.close();
        });
    }

    private TextStream stream() {
        TokenStream stream = tokenizer.stream(true);
        return new TextStream() {
            @Override
            public String next(int id) {
                return stream.next(id);
            }

            @Override
            public String finish() {
                return stream.finish();
            }
        };
    }

    /**
     * Opens a model folder: {@code config.json}, weights in any layout that {@link VisionLanguageCheckpoint} knows, and a
     * tokenizer.
     *
     * @throws WeightsException when something is missing, damaged, or does not fit the rest
     * @throws io.aegis.tokenizer.TokenizerException when the tokenizer is missing or damaged
     */
    public static FaceShield load(Path folder) {
        return load(folder, null, options -> options);
    }

    /**
     * As above, with other choices than the folder's, such as {@code o -> o.withPvtm(...)}.
     *
     * @param choices from the folder's options to those wanted; they must ask for the same parameters
     */
    public static FaceShield load(Path folder, UnaryOperator<FaceShieldOptions> choices) {
        return load(folder, null, choices);
    }

    /**
     * As above, with what was learned in stage 2 and not merged; the threshold is then the adapter's, as it is once merged.
     *
     * @param adapter a folder as PEFT and {@code train faceshield --stage 2} write it; null for none
     * @throws WeightsException also when the adapter is damaged or for another base
     */
    public static FaceShield load(Path folder, Path adapter, UnaryOperator<FaceShieldOptions> choices) {
        OpenedModel model = OpenedModel.open(folder, adapter, choices);
        try {
            return new FaceShield(model);
        } catch (RuntimeException | Error e) {
            model.close();
            throw e;
        }
    }

    /** What the model's {@code config.json} says. */
    public FaceShieldConfig config() {
        return config;
    }

    /** The threshold on {@link ForcedScores#score} that came with the weights; empty when none was chosen. */
    public Optional<DecisionThreshold> threshold() {
        return threshold;
    }

    /** How answers are made unless somebody says otherwise. */
    public GenerationOptions generation() {
        return generation;
    }

    /** How questions are written down. */
    public PromptText prompts() {
        return prompts;
    }

    Generator generator() {
        return generator;
    }

    PromptPieces pieces() {
        return new PromptPieces(generator, preamble);
    }

    /**
     * Takes a picture under examination, for several questions about it. Pictures may have any size, channels and bits.
     *
     * @throws IllegalStateException when the model was closed
     */
    public Examination examine(Image picture) {
        return new Examination(this, picture);
    }

    /** Judges a face: the questions of all tasks, where the attack is being asked only where there is one. */
    public Verdict analyze(Image picture) {
        return analyze(picture, EnumSet.allOf(FaceTask.class), AnswerListener.NONE, () -> false);
    }

    /**
     * Judges a face by some questions. Whatever they are, it is scored.
     *
     * @param tasks which questions; {@link FaceTask#LOCATE} among others is asked only of attacks, alone of every face
     * @param listener hears the answers
     * @param cancelled asked for every token
     * @throws CancellationException when it was cancelled
     */
    public Verdict analyze(Image picture, Set<FaceTask> tasks, AnswerListener listener, BooleanSupplier cancelled) {
        try (Examination examination = examine(picture)) {
            return analyze(examination, tasks, generation, listener, cancelled);
        }
    }

    /**
     * As above, of a picture that is under examination.
     *
     * @param options how tokens are chosen, and when to stop
     */
    public Verdict analyze(
            Examination examination,
            Set<FaceTask> tasks,
            GenerationOptions options,
            AnswerListener listener,
            BooleanSupplier cancelled) {
        return analyze(examination, tasks, options, 1, listener, cancelled);
    }

    /**
     * As above, with up to {@code together} questions at a time; the coarse one comes first, by itself. The listener hears the
     * answers in order all the same.
     */
    public Verdict analyze(
            Examination examination,
            Set<FaceTask> tasks,
            GenerationOptions options,
            int together,
            AnswerListener listener,
            BooleanSupplier cancelled) {
        return new Analysis(this, examination, options, together, listener, cancelled).of(tasks);
    }

    /**
     * Asks anything about a picture.
     *
     * @param listener hears the answer as it is made
     * @return the answer
     * @throws IllegalArgumentException when the prompt is longer than the context, with both lengths
     */
    public String ask(Image picture, String question, Consumer<String> listener) {
        try (Examination examination = examine(picture)) {
            return examination.ask(question, generation, listener, () -> false).text();
        }
    }

    /**
     * Asks the same of several pictures, a few at a time; each gets the answer that it would get alone.
     *
     * @return an answer a picture, in order
     */
    public List<Reply> ask(List<Image> pictures, String question, GenerationOptions options) {
        requireFits(question);
        Reply[] replies = new Reply[pictures.size()];
        Set<Examination> open = new HashSet<>();
        Iterator<Inquiry> inquiries = IntStream.range(0, replies.length)
                .<Inquiry>mapToObj(i -> {
                    Examination e = examine(pictures.get(i));
                    open.add(e);
                    return new Inquiry.Question(e, question, options, text -> {}, reply -> {
                        replies[i] = reply;
                        open.remove(e);
                        e.close();
                    });
                })
                .iterator();
        try {
            answer(inquiries, BATCH, pages(List.of(question), options, BATCH), () -> false);
        } finally {
            open.forEach(Examination::close);
        }
        return List.of(replies);
    }

    /**
     * Answers inquiries about any pictures, up to {@code most} at once: all take their next token in one pass through the
     * network, and as soon as one is done the next begins. Each gets the answer that it would get alone, to the bit. Those
     * about one picture that follow each other share what is read of it.
     *
     * @param inquiries in the order in which they begin; the next is only asked for when there is room for it, so that its
     *     picture may be opened then, and closed when it is done
     * @param pages of memory: {@link #pages} says how many
     * @param cancelled asked for every token. Inquiries that were begun then end as cancelled, the others are not begun
     * @throws io.aegis.models.llama.CacheFullException when the pages are too few for an inquiry even if it is alone
     * @throws IllegalStateException when the model was closed, before or meanwhile
     */
    public void answer(Iterator<? extends Inquiry> inquiries, int most, int pages, BooleanSupplier cancelled) {
        Inquiries.run(this, inquiries, most, pages, cancelled);
    }

    /**
     * Pages of memory for {@link #answer}, enough for as many of these questions, and scores, as wanted at once, each about a
     * picture of its own.
     */
    public int pages(Collection<String> questions, GenerationOptions options, int most) {
        long tokens = lengths.score();
        for (String question : questions) {
            tokens = Math.max(tokens, lengths.withAnswer(question, options));
        }
        return Inquiries.pages(most, tokens);
    }

    /** Bytes of a page. */
    public long pageBytes() {
        return PagePool.pageBytes(config.language(), DType.F32);
    }

    /**
     * Fails when a question is longer than the model's context together with a picture.
     *
     * @throws IllegalArgumentException with both lengths
     */
    public void requireFits(String question) {
        lengths.requireFits(lengths.prompt(question));
    }

    PromptLengths lengths() {
        return lengths;
    }

    /** How likely the model finds the two canonical answers. */
    public ForcedScores score(Image picture) {
        try (Examination examination = examine(picture)) {
            return examination.score();
        }
    }

    /**
     * Whether a score is that of a bona fide face, by the threshold that came with the weights.
     *
     * @throws IllegalStateException when none did
     */
    public boolean isBonaFide(double score) {
        return threshold
                .orElseThrow(() -> new IllegalStateException(
                        folder + ": these weights have no threshold; choose one on development data"))
                .accepts(score);
    }

    /** The graph, while nobody can take its memory away. */
    <T> T using(Function<FaceShieldNetwork, T> work) {
        return leases.during(() -> {
            List<T> out = new ArrayList<>(1);
            // A tape that the caller may have open has no business here.
            Tape.withoutRecording(() -> out.add(work.apply(network)));
            return out.getFirst();
        });
    }

    /** Whether work that takes long should end: somebody cancelled it, or closes the model. */
    boolean stops(BooleanSupplier cancelled) {
        return leases.isClosed() || cancelled.getAsBoolean();
    }

    /** Fails when the model is being closed. */
    void requireOpen() {
        if (leases.isClosed()) {
            throw leases.closedException();
        }
    }

    /** Ends what is being answered, waits for the threads that do, and frees the model's memory. */
    @Override
    public void close() {
        leases.close();
    }
}
