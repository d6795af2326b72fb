package io.aegis.models.faceshield;

import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.models.llama.Generation;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.Piece;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.zip.CRC32;

/**
 * One picture under examination. It goes through the tower once; questions that leave all of its tokens in place share
 * what the language model has read up to the picture's end, and are answered with the same bits as without sharing.
 *
 * <p>An examination belongs to one thread at a time; those of one model do not disturb each other. After the model was
 * closed it answers no more, and is still to be closed.
 */
public final class Examination implements AutoCloseable {
    private final FaceShield shield;
    private final int width;
    private final int height;
    private final FacePictures pictures;
    private final Draw draw;
    private final Arena arena = Arena.ofShared();
    private final View features;
    private final View projected;
    private final PromptReader reader;
    private final double visionSeconds;
    private boolean closed;

    Examination(FaceShield shield, Image picture) {
        this.shield = shield;
        FaceShieldConfig config = shield.config();
        width = picture.width();
        height = picture.height();
        pictures = FacePictures.of(picture, config);
        draw = new Draw(0, 0, identity(pictures));
        long start = System.nanoTime();
        try {
            features = View.allocate(
                    arena, DType.F32, 2, config.streamTokens(), config.vision().width());
            projected = View.allocate(
                    arena, DType.F32, config.visionTokens(), config.language().hidden());
            shield.using(network -> {
                see(network);
                return null;
            });
            reader = new PromptReader(config, shield.pieces());
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
        visionSeconds = secondsSince(start);
    }

    private void see(FaceShieldNetwork network) {
        int side = network.config().vision().image();
        try (Scope scope = Scope.open()) {
            Tensor pixels = Tensor.empty(DType.F32, 2, 3, side, side);
            float[] values = pictures.pixels(network.config());
            MemorySegment.copy(values, 0, pixels.view().segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
            Tensor seen = network.features(pixels);
            scope.kernels().elementwise().copy(seen.view(), features);
            scope.kernels().elementwise().copy(network.project(seen).view(), projected);
        }
    }

    /** Random masks follow what is seen. */
    private static long identity(FacePictures pictures) {
        CRC32 crc = new CRC32();
        crc.update(pictures.rgb().bytes());
        return crc.getValue();
    }

    /** What the tower saw. */
    public FacePictures pictures() {
        return pictures;
    }

    /** Width of the picture as it was given. */
    public int width() {
        return width;
    }

    /** Height of the picture as it was given. */
    public int height() {
        return height;
    }

    /** Seconds that tower and projector took. */
    public double visionSeconds() {
        return visionSeconds;
    }

    /** Asks a question as the model's folder says it should be answered. */
    public Reply ask(String question) {
        return ask(question, shield.generation(), text -> {}, () -> false);
    }

    /**
     * Asks a question.
     *
     * @param options how tokens are chosen, and when to stop
     * @param listener hears the answer as it is made, without the space before it
     * @param cancelled asked for every token; an interrupted thread is cancelled too. The reply is then what there was so
     *     far, and says that it was cancelled
     * @throws IllegalArgumentException when the prompt is longer than the context, with both lengths
     * @throws IllegalStateException when the model was closed, before or meanwhile
     */
    public synchronized Reply ask(
            String question, GenerationOptions options, Consumer<String> listener, BooleanSupplier cancelled) {
        return shield.using(network -> {
            PromptReader.Read read;
            try {
                read = read(network, question, reader::read, cancelled);
            } catch (CancellationException e) {
                return cancelledReply(question);
            }
            return answer(network, question, read, options, listener, cancelled);
        });
    }

    /**
     * Asks several questions, up to {@code together} at a time, which share what is read of the picture. Each gets the answer
     * that it would get alone, to the bit; alone is how they are asked where {@code together} is 1.
     *
     * @param options how tokens are chosen, and when to stop
     * @param listener hears the answers in the questions' order: of those that are made at once the first as it is made
     * @param together at least 1
     * @param cancelled asked for every token. Replies are then what there was so far, and say that they were cancelled
     * @return a reply a question, in order
     * @throws IllegalArgumentException when a prompt is longer than the context, before anything is asked
     * @throws IllegalStateException when the model was closed, before or meanwhile
     */
    public synchronized List<Reply> ask(
            List<String> questions,
            GenerationOptions options,
            int together,
            AnswersListener listener,
            BooleanSupplier cancelled) {
        return new Questionnaire(shield, this, questions, options, listener, cancelled).ask(together);
    }

    static Reply cancelledReply(String question) {
        Generation nothing = new Generation(new int[0], "", new double[0], Generation.Ending.CANCELLED);
        return new Reply(question, "", nothing, null, Timings.NONE);
    }

    /** Answers what was read; the cache is then as it was behind the prompt. */
    private Reply answer(
            FaceShieldNetwork network,
            String question,
            PromptReader.Read read,
            GenerationOptions options,
            Consumer<String> listener,
            BooleanSupplier cancelled) {
        long start = System.nanoTime();
        Generation generation = shield.generator()
                .continueFrom(List.of(start(read, spoken(listener))), options, () -> shield.stops(cancelled))
                .getFirst();
        read.rewind();
        shield.requireOpen();
        return reply(question, read, generation, secondsSince(start));
    }

    static Reply reply(String question, PromptReader.Read read, Generation generation, double seconds) {
        Timings timings = new Timings(0, read.seconds(), read.tokens(), seconds, generation.tokens().length);
        return new Reply(question, generation.text().strip(), generation, read.selection(), timings);
    }

    /** What the generator goes on from. */
    Generator.Start start(PromptReader.Read read, Consumer<Piece> listener) {
        int[] seen = Arrays.stream(read.ids()).mapToInt(Math::toIntExact).toArray();
        return new Generator.Start(read.cache(), read.logits(), seen, draw.sample(), listener);
    }

    /** Answers begin with a space that belongs to their first token, and that nobody wants to see. */
    static Consumer<Piece> spoken(Consumer<String> listener) {
        boolean[] begun = {false};
        return piece -> {
            String text = begun[0] ? piece.text() : piece.text().stripLeading();
            if (!text.isEmpty()) {
                begun[0] = true;
                listener.accept(text);
            }
        };
    }

    /** Where the language model reads a prompt to. */
    interface Reading {
        PromptReader.Read of(long[] ids, RankedTokens ranked, Sequence s, BooleanSupplier cancelled);
    }

    /** What was read of questions that were asked alone. */
    PromptReader reader() {
        return reader;
    }

    private PromptReader.Read read(FaceShieldNetwork network, String question) {
        return read(network, question, reader::read, () -> false);
    }

    /**
     * Has the language model read the prompt of a question.
     *
     * @throws CancellationException when it was cancelled
     */
    PromptReader.Read read(FaceShieldNetwork network, String question, Reading to, BooleanSupplier cancelled) {
        long[] ids = shield.prompts().prompt(question);
        try (Scope scope = Scope.open()) {
            RankedTokens ranked = rank(network, question);
            VisionTokens tokens = network.pvtm().shown(Tensor.wrap(projected, false), ranked.kept());
            Sequence s = network.sequence(ids, tokens);
            shield.lengths().requireFits(s.next());
            return to.of(ids, ranked, s, () -> shield.stops(cancelled));
        } catch (CancellationException e) {
            shield.requireOpen();
            throw e;
        }
    }

    private RankedTokens rank(FaceShieldNetwork network, String question) {
        if (closed) {
            throw new IllegalStateException("this examination was closed");
        }
        return network.rank(
                Tensor.wrap(features, false),
                Tensor.wrap(projected, false),
                shield.prompts().question(question),
                network.config().options().pvtm().inference(),
                draw);
    }

    /**
     * How likely the model finds the canonical answers to the coarse question.
     *
     * @throws IllegalStateException when the model was closed, before or meanwhile
     */
    public synchronized ForcedScores score() {
        return shield.using(network -> {
            String question = shield.config().options().prompts().question(FaceTask.COARSE);
            return score(network, read(network, question));
        });
    }

    /** Forces the canonical answers upon what was read; the cache is then as before. */
    ForcedScores score(FaceShieldNetwork network, PromptReader.Read read) {
        FaceShieldOptions options = shield.config().options();
        long[][] ids = shield.lengths().canonicalAnswers();
        double[][] forced = TeacherForcing.logProbabilities(network.language(), read.cache(), read.logits(), ids);
        read.rewind();
        shield.requireOpen();
        return TeacherForcing.scores(forced, ids, options.scoring());
    }

    /**
     * What the model expects at each place of an answer that is put into its mouth: its scores of every token as the next,
     * before the answer and behind each of its tokens but the last.
     *
     * @param answer at least one token
     * @return as many rows as the answer has tokens, of as many scores as the vocabulary has
     * @throws IllegalStateException when the model was closed, before or meanwhile
     */
    public synchronized float[][] expect(String question, int[] answer) {
        return shield.using(network -> {
            PromptReader.Read read = read(network, question);
            long[] tokens = Arrays.stream(answer)
                    .limit(answer.length - 1L)
                    .asLongStream()
                    .toArray();
            double[] behind = TeacherForcing.logits(network.language(), read.cache(), tokens);
            read.rewind();
            shield.requireOpen();
            int vocabulary = read.logits().length;
            float[][] rows = new float[answer.length][vocabulary];
            for (int v = 0; v < vocabulary; v++) {
                rows[0][v] = (float) read.logits()[v];
                for (int i = 1; i < rows.length; i++) {
                    rows[i][v] = (float) behind[(i - 1) * vocabulary + v];
                }
            }
            return rows;
        });
    }

    /** What the coarse question gives. */
    record Coarse(Reply reply, ForcedScores scores) {}

    /** The coarse question's answer and score from one reading. */
    synchronized Coarse coarse(GenerationOptions options, Consumer<String> listener, BooleanSupplier cancelled) {
        return shield.using(network -> {
            String question = shield.config().options().prompts().question(FaceTask.COARSE);
            PromptReader.Read read = read(network, question, reader::read, cancelled);
            ForcedScores scores = score(network, read);
            return new Coarse(answer(network, question, read, options, listener, cancelled), scores);
        });
    }

    /** How the picture's tokens rank against a question, and which are kept. */
    public synchronized Selection select(String question) {
        return shield.using(network -> {
            try (Scope scope = Scope.open()) {
                return rank(network, question).selection();
            }
        });
    }

    static double secondsSince(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    /** Frees what the picture took. */
    @Override
    public synchronized void close() {
        closed = true;
        reader.close();
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
