package io.aegis.models.faceshield;

import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.models.llama.Generation;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.KeyValueCache;
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
 * what the language model has read up to the picture's end, and are answered with the same bits as without sharing,
 * because a prompt is always read in the same two pieces.
 *
 * <p>An examination belongs to one thread at a time; those of one model do not disturb each other. After the model was
 * closed it answers no more, and is still to be closed.
 */
public final class Examination implements AutoCloseable {
    /** Tokens of a prompt's text and an answer of usual length; longer ones make the cache grow. */
    private static final long TEXT = 384;

    private final FaceShield shield;
    private final int width;
    private final int height;
    private final FacePictures pictures;
    private final Draw draw;
    private final Arena arena = Arena.ofShared();
    private final View features;
    private final View projected;
    private final KeyValueCache cache;
    private final double visionSeconds;

    /** Which vision tokens are in the cache's prefix; null while there is no prefix. */
    private int[] prefixKept;

    private long prefixLength;
    private long prefixNext;

    /**
     * A question that the language model has read.
     *
     * @param selection of its vision tokens
     * @param ids of the prompt
     * @param logits behind its last token
     * @param length of the cache behind it
     * @param next the position behind it
     * @param seconds that reading took
     * @param tokens that were read for it
     */
    record Read(
            Selection selection, long[] ids, double[] logits, long length, long next, double seconds, long tokens) {}

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
            cache = new KeyValueCache(config.language(), config.visionTokens() + TEXT);
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
            Read read;
            try {
                read = read(network, question, cancelled);
            } catch (CancellationException e) {
                return cancelledReply(question);
            }
            return answer(network, question, read, options, listener, cancelled);
        });
    }

    private Reply cancelledReply(String question) {
        Generation nothing = new Generation(new int[0], "", new double[0], Generation.Ending.CANCELLED);
        return new Reply(question, "", nothing, null, Timings.NONE);
    }

    /** Answers what was read; the cache is then as it was behind the prompt. */
    private Reply answer(
            FaceShieldNetwork network,
            String question,
            Read read,
            GenerationOptions options,
            Consumer<String> listener,
            BooleanSupplier cancelled) {
        long start = System.nanoTime();
        Generation generation = shield.generator()
                .continueFrom(List.of(start(read, spoken(listener))), options, () -> shield.stops(cancelled))
                .getFirst();
        cache.truncate(read.length(), read.next());
        shield.requireOpen();
        return reply(question, read, generation, secondsSince(start));
    }

    static Reply reply(String question, Read read, Generation generation, double seconds) {
        Timings timings = new Timings(0, read.seconds(), read.tokens(), seconds, generation.tokens().length);
        return new Reply(question, generation.text().strip(), generation, read.selection(), timings);
    }

    /** What the generator goes on from. */
    Generator.Start start(Read read, Consumer<Piece> listener) {
        int[] seen = Arrays.stream(read.ids()).mapToInt(Math::toIntExact).toArray();
        return new Generator.Start(cache, read.logits(), seen, draw.sample(), listener);
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

    /**
     * Reads the prompt of a question into the cache: up to the picture's end, unless the same is there already, and the
     * rest.
     *
     * @throws CancellationException when it was cancelled
     */
    Read read(FaceShieldNetwork network, String question, BooleanSupplier cancelled) {
        long start = System.nanoTime();
        BooleanSupplier stop = () -> shield.stops(cancelled);
        PromptText prompts = shield.prompts();
        long[] ids = prompts.prompt(question);
        try (Scope scope = Scope.open()) {
            Tensor z = Tensor.wrap(projected, false);
            MaskingMode mode = network.config().options().pvtm().inference();
            Selection selection =
                    network.select(Tensor.wrap(features, false), z, prompts.question(question), mode, draw);
            Sequence s = network.sequence(ids, network.pvtm().shown(z, selection.kept()));
            checkLength(s);
            boolean shared = Arrays.equals(prefixKept, selection.kept());
            cache.truncate(shared ? prefixLength : 0, shared ? prefixNext : 0);
            if (!shared) {
                prefixKept = null;
                shield.generator().read(s.rows(0, s.prefix()), s.positions(0, s.prefix(), 0), cache, stop);
                prefixKept = selection.kept();
                prefixLength = cache.length();
                prefixNext = s.positions()[s.prefix()];
            }
            double[] logits = shield.generator()
                    .readLast(s.rows(s.prefix(), s.length()), s.positions(s.prefix(), s.length(), 0), cache, stop);
            long read = shared ? s.length() - s.prefix() : s.length();
            return new Read(selection, ids, logits, cache.length(), s.next(), secondsSince(start), read);
        } catch (CancellationException e) {
            shield.requireOpen();
            throw e;
        }
    }

    private void checkLength(Sequence s) {
        int longest = shield.config().longest();
        if (s.next() > longest) {
            throw new IllegalArgumentException("the prompt has " + s.next() + " tokens, "
                    + shield.config().visionTokens() + " of them the picture's, more than the model's " + longest);
        }
    }

    /**
     * How likely the model finds the canonical answers to the coarse question.
     *
     * @throws IllegalStateException when the model was closed, before or meanwhile
     */
    public synchronized ForcedScores score() {
        return shield.using(network -> {
            String question = shield.config().options().prompts().question(FaceTask.COARSE);
            return score(network, question, read(network, question, () -> false));
        });
    }

    /** Forces the canonical answers upon what was read; the cache is then as before. */
    private ForcedScores score(FaceShieldNetwork network, String question, Read read) {
        FaceShieldOptions options = shield.config().options();
        double[][] forced = new double[2][];
        long[][] ids = new long[2][];
        for (int i = 0; i < 2; i++) {
            ids[i] = shield.prompts()
                    .answer(question, options.prompts().answers().get(i));
            forced[i] = TeacherForcing.logProbabilities(network.language(), cache, read.logits(), ids[i]);
            cache.truncate(read.length(), read.next());
            shield.requireOpen();
        }
        return TeacherForcing.scores(forced, ids, options.scoring());
    }

    /** What the coarse question gives. */
    record Coarse(Reply reply, ForcedScores scores) {}

    /** The coarse question's answer and score from one reading. */
    synchronized Coarse coarse(GenerationOptions options, Consumer<String> listener, BooleanSupplier cancelled) {
        return shield.using(network -> {
            String question = shield.config().options().prompts().question(FaceTask.COARSE);
            Read read = read(network, question, cancelled);
            ForcedScores scores = score(network, question, read);
            return new Coarse(answer(network, question, read, options, listener, cancelled), scores);
        });
    }

    /** How the picture's tokens rank against a question, and which are kept. */
    public synchronized Selection select(String question) {
        return shield.using(network -> {
            try (Scope scope = Scope.open()) {
                return network.select(
                        Tensor.wrap(features, false),
                        Tensor.wrap(projected, false),
                        shield.prompts().question(question),
                        network.config().options().pvtm().inference(),
                        draw);
            }
        });
    }

    static double secondsSince(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    /** Frees what the picture took. */
    @Override
    public synchronized void close() {
        cache.close();
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
