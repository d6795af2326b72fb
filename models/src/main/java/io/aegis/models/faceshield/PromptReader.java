package io.aegis.models.faceshield;

import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.PagePool;
import io.aegis.models.llama.PagedCache;
import io.aegis.models.llama.SequenceCache;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * What the language model has read of prompts about one picture, in {@link PromptPieces}: a prompt whose picture is there
 * already, because the prompt before showed the same tokens, gets the same bits as one that is read alone.
 */
final class PromptReader implements AutoCloseable {
    /** Tokens of a prompt's text and an answer of usual length; longer ones make the cache grow. */
    private static final long TEXT = 384;

    private final FaceShieldConfig config;
    private final PromptPieces pieces;

    /** Null until something is read: who asks several questions at a time may never need it. */
    private KeyValueCache cache;

    /** Which vision tokens the first piece shows; null while there is none. */
    private int[] shown;

    private long pieceLength;
    private long pieceNext;

    /**
     * A prompt that was read.
     *
     * @param cache in which it is
     * @param selection of its vision tokens
     * @param ids of its text
     * @param logits behind its last token
     * @param length of the cache behind it
     * @param next the position behind it
     * @param seconds that reading took
     * @param tokens that were read
     */
    record Read(
            SequenceCache cache,
            Selection selection,
            long[] ids,
            double[] logits,
            long length,
            long next,
            double seconds,
            long tokens) {
        /** Forgets what came behind it. */
        void rewind() {
            cache.truncate(length, next);
        }
    }

    PromptReader(FaceShieldConfig config, PromptPieces pieces) {
        this.config = config;
        this.pieces = pieces;
    }

    /**
     * Reads a prompt.
     *
     * @throws CancellationException when it was cancelled
     */
    Read read(long[] ids, RankedTokens ranked, Sequence s, BooleanSupplier cancelled) {
        long start = System.nanoTime();
        int[] kept = ranked.kept().places();
        boolean shared = Arrays.equals(shown, kept);
        if (cache == null) {
            cache = new KeyValueCache(config.language(), config.visionTokens() + TEXT);
        }
        cache.truncate(shared ? pieceLength : 0, shared ? pieceNext : 0);
        long tokens = s.length() - s.prefix();
        if (!shared) {
            shown = null;
            tokens += pieces.readPicture(ids, s, cache, cancelled);
            shown = kept;
            pieceLength = cache.length();
            pieceNext = s.positions()[s.prefix()];
        }
        double[] logits = pieces.readRest(s, cache, cancelled);
        double seconds = Examination.secondsSince(start);
        return new Read(cache, ranked.selection(), ids, logits, cache.length(), s.next(), seconds, tokens);
    }

    /** What was read of the picture, in pages; null when other tokens of it were kept, or nothing was read. */
    PagedCache copied(int[] kept, PagePool pool) {
        return shown != null && Arrays.equals(shown, kept)
                ? PagedCache.copyOf(cache, pieceLength, pieceNext, pool)
                : null;
    }

    /** Frees the memory. */
    @Override
    public void close() {
        if (cache != null) {
            cache.close();
        }
    }
}
